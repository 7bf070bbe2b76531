//! Model servers: real ones over HTTP, and some that lie, stall or talk junk.

use super::{Tree, hwprobe, lines, parsed};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use tiny_http::{Header, Response, Server};

/// As Ollama 0.5 answers.
const TAGS: &str = r#"{"models":[
 {"name":"qwen2.5:7b","model":"qwen2.5:7b","modified_at":"2025-01-10T09:10:11.123456789+01:00","size":4683087332,
  "digest":"845dbda0ea48ed749caafd9e6037047aa19acfcfd82e704d7ca97d631a0b697e",
  "details":{"parent_model":"","format":"gguf","family":"qwen2","families":["qwen2"],"parameter_size":"7.6B","quantization_level":"Q4_K_M"}},
 {"name":"llama3.2:latest","model":"llama3.2:latest","modified_at":"2025-01-09T09:10:11Z","size":2019393189,
  "digest":"a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
  "details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"3.2B","quantization_level":"Q4_K_M"}}]}"#;
/// As llama.cpp's server answers.
const MODELS: &str = r#"{"models":[{"name":"x"}],"object":"list","data":[{"id":"/models/mistral-7b.Q8_0.gguf","object":"model",
 "created":1736500000,"owned_by":"llamacpp","meta":{"vocab_type":1,"n_vocab":32000,"n_params":7241732096,"size":7695857664}}]}"#;

/// Serves `body` at `path` until the process ends; anything else is 404.
fn serve(path: &'static str, body: impl Into<Vec<u8>>) -> String {
    let server = Server::http("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", server.server_addr().to_ip().expect("an address"));
    let body = body.into();
    thread::spawn(move || {
        for request in server.incoming_requests() {
            let response = if request.url() == path && request.method().as_str() == "GET" {
                let header: Header = "Content-Type: application/json".parse().expect("a header");
                Response::from_data(body.clone()).with_header(header)
            } else {
                Response::from_data("404 page not found").with_status_code(404)
            };
            let _ = request.respond(response);
        }
    });
    url
}

/// Speaks whatever `talk` says to each connection.
fn talker(talk: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || listener.incoming().flatten().for_each(talk));
    url
}

fn probed(arguments: &[&str]) -> Value {
    lines(hwprobe(&Tree::worker()).args(arguments)).remove(0)
}

/// The reason why the one Ollama server gave nothing.
fn reason(url: &str) -> String {
    reason_within("1m", url)
}

fn reason_within(timeout: &str, url: &str) -> String {
    let record = probed(&["--ollama", url, "--timeout", timeout]);
    assert_eq!(record["models"], json!([]), "{record}");
    assert_eq!(record["servers"][0]["models"], Value::Null, "{record}");
    record["servers"][0]["reasons"]["models"].as_str().expect("a reason").to_owned()
}

#[test]
fn ollama_and_llama_cpp_tell_their_models() {
    let (ollama, openai) = (serve("/api/tags", TAGS), serve("/v1/models", MODELS));
    let record = probed(&["--ollama", &ollama, "--openai", &format!("{openai}/v1/")]);
    let models = record["models"].as_array().expect("a list");
    let names: Vec<_> = models.iter().filter_map(|model| model["name"].as_str()).collect();
    assert_eq!(names, ["llama3.2:latest", "qwen2.5:7b", "/models/mistral-7b.Q8_0.gguf"]);
    assert_eq!(
        models[0],
        json!({"name": "llama3.2:latest", "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72",
            "size_bytes": 2_019_393_189_u64, "quantisation": "Q4_K_M", "server": "ollama", "url": ollama,
            "remote": false, "reasons": {}})
    );
    assert_eq!((&models[2]["size_bytes"], &models[2]["server"]), (&json!(7_695_857_664_u64), &json!("openai")));
    assert_eq!(models[2]["reasons"]["digest"], "this kind of server does not tell it");
    assert_eq!(
        record["servers"][0],
        json!({"kind": "ollama", "url": ollama, "models": 2, "refused": 0, "reasons": {}})
    );

    let tree = Tree::worker();
    let agents = lines(hwprobe(&tree).args(["--agents", "--ollama", &ollama, "--model", "LLAMA3.2:latest"]));
    assert_eq!(agents.len(), 2, "a declared model that is listed is one agent");
    assert_eq!((&agents[0]["model"], &agents[0]["model_quantisation"]), (&json!("llama3.2:latest"), &json!("Q4_K_M")));
    assert_eq!(agents[0]["model_server"], "ollama");
}

#[test]
fn models_that_run_elsewhere_are_no_agents() {
    let body = r#"{"models":[{"name":"gpt-oss:120b-cloud","remote_model":"gpt-oss:120b","remote_host":"https://ollama.com:443","size":384}]}"#;
    let url = serve("/api/tags", body);
    assert_eq!(probed(&["--ollama", &url])["models"][0]["remote"], true);
    let tree = Tree::worker();
    hwprobe(&tree).args(["--agents", "--ollama", &url]).assert().code(1).stdout("");
}

#[test]
fn an_empty_list_is_an_answer() {
    for body in [r#"{"models":[]}"#, r#"{"models":null}"#] {
        let record = probed(&["--ollama", &serve("/api/tags", body)]);
        assert_eq!(
            (&record["servers"][0]["models"], &record["reasons"]["models"]),
            (&json!(0), &json!("no model server lists a model"))
        );
    }
}

#[test]
fn lies_are_refused_entry_by_entry() {
    let long = "x".repeat(300);
    let body = json!({"models": [
        {"name": "good", "size": -1, "digest": "../../etc/passwd", "details": {"quantization_level": 4}},
        {"name": "good", "size": 7},
        {"name": "a\nb"}, {"name": ""}, {"name": 7}, {"name": long}, {}, null, "text", {"name": "\u{1b}[31mred"},
    ]});
    let record = probed(&["--ollama", &serve("/api/tags", body.to_string())]);
    let models = record["models"].as_array().expect("a list");
    assert_eq!(models.len(), 1);
    assert_eq!(
        models[0]["reasons"],
        json!({
            "digest": "what the server tells is no SHA-256", "size_bytes": "what the server tells is no size",
            "quantisation": "the server does not tell it",
        })
    );
    assert_eq!(record["servers"][0]["refused"], 8);
}

#[test]
fn what_is_no_model_server_is_named() {
    assert_eq!(reason(&serve("/", "<html>")), "it answers with status 404");
    assert_eq!(reason(&serve("/api/tags", "<html>")), "its answer is not JSON: not valid JSON");
    assert_eq!(reason(&serve("/api/tags", "")), "its answer is not JSON: the JSON text ends too early");
    assert_eq!(
        reason(&serve("/api/tags", b"{\"models\":[{\"name\":\"\xff\"}]}".to_vec())),
        "its answer is not JSON: not UTF-8"
    );
    assert_eq!(reason(&serve("/api/tags", "[".repeat(100_000))), "its answer is not JSON: nested deeper than 100");
    for other in ["{}", "[]", "3", r#"{"models":{}}"#] {
        assert_eq!(reason(&serve("/api/tags", other)), "it answers, but not as Ollama", "{other}");
    }
    let many: Vec<Value> = (0..1001).map(|n| json!({"name": format!("m{n}")})).collect();
    assert_eq!(
        reason(&serve("/api/tags", json!({"models": many}).to_string())),
        "it lists 1001 models, more than 1000"
    );
    assert_eq!(
        probed(&["--ollama", &serve("/api/tags", json!({"models": &many[..1000]}).to_string())])["servers"][0]["models"],
        1000
    );
}

#[test]
fn long_answers_are_cut_off() {
    let padded = |length: usize| format!("{{\"models\":[]{}}}", " ".repeat(length - 13));
    let limit = 4 << 20;
    assert_eq!(
        probed(&["--ollama", &serve("/api/tags", padded(limit)), "--timeout", "20s"])["servers"][0]["models"],
        0
    );
    let record = probed(&["--ollama", &serve("/api/tags", padded(limit + 1)), "--timeout", "20s"]);
    assert_eq!(record["servers"][0]["reasons"]["models"], "its answer is longer than 4 MiB");
    // One without an end.
    let endless = talker(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 8192]).is_ok() {}
    });
    let record = probed(&["--ollama", &endless, "--timeout", "20s"]);
    assert_eq!(record["servers"][0]["reasons"]["models"], "its answer is longer than 4 MiB");
}

#[test]
fn silence_and_junk_cost_the_timeout_at_most() {
    // Each of these would hold a careless client for ever.
    let mute = talker(std::mem::forget);
    assert_eq!(reason_within("500ms", &mute), "it does not answer in time");
    let stuck = talker(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"models\":");
        std::mem::forget(stream);
    });
    assert_eq!(reason_within("500ms", &stuck), "it does not answer in time");
    let cut = talker(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"models\":");
    });
    assert!(reason(&cut).contains("closes in the middle"), "{}", reason(&cut));
    let junk = talker(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"\x00\xff\x1b[31m SSH-2.0-OpenSSH\r\n\r\n");
    });
    assert!(reason(&junk).starts_with("it does not speak HTTP: "), "{}", reason(&junk));
    let away = crate::shell::ClosedPort::new();
    assert_eq!(reason(&format!("http://127.0.0.1:{}", away.port)), "nobody listens there");
}

#[test]
fn redirects_and_proxies_are_not_followed() {
    let real = serve("/api/tags", TAGS);
    let target = format!("{real}/api/tags");
    let elsewhere = talker(move |mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = write!(stream, "HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
    });
    assert_eq!(reason(&elsewhere), "it answers with status 302");
    let tree = Tree::worker();
    let mut command = hwprobe(&tree);
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    assert_eq!(lines(command.args(["--ollama", &real])).remove(0)["servers"][0]["models"], 2);
}

#[test]
fn several_servers_are_asked_at_once() {
    let mute = || talker(std::mem::forget);
    let real = serve("/api/tags", TAGS);
    let addresses: Vec<String> = (0..20).map(|_| mute()).collect();
    let tree = Tree::worker();
    // One after the other they would need 20 times this, and the last would get
    // nothing; only on a busy machine it may need more than a second itself.
    let asked = |timeout: &str| {
        let mut command = hwprobe(&tree);
        for url in addresses.iter().chain([&real]) {
            command.args(["--ollama", url]);
        }
        let output = command.args(["--timeout", timeout]).assert().success().stderr("").get_output().stdout.clone();
        parsed(&output).remove(0)
    };
    let mut record = asked("1s");
    if record["servers"][20]["models"].is_null() {
        record = asked("20s");
    }
    assert_eq!(record["servers"].as_array().map(Vec::len), Some(21));
    assert_eq!((&record["servers"][20]["models"], record["models"].as_array().map(Vec::len)), (&json!(2), Some(2)));
}

#[test]
fn addresses_that_are_none_are_usage_errors() {
    let tree = Tree::worker();
    for (bad, why) in [
        ("https://127.0.0.1:1", "only http:// addresses"),
        ("http://user:secret@127.0.0.1:1", "user name or password"),
        ("", "expected http://HOST:PORT"),
        ("http://", "expected http://HOST:PORT"),
        ("http://a b", "expected http://HOST:PORT"),
        ("http://host:99999", "expected http://HOST:PORT"),
    ] {
        let assert = hwprobe(&tree).args(["--ollama", bad]).assert().code(2).stdout("");
        let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(text.contains(why), "{bad}: {text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
