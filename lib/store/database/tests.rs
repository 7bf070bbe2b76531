use super::*;

const ONE: Schema = Schema {
    name: "test file",
    application_id: 0x7465_7374,
    migrations: &["CREATE TABLE numbers (n INTEGER PRIMARY KEY) STRICT;"],
};
const TWO: Schema = Schema { migrations: &[ONE.migrations[0], "ALTER TABLE numbers ADD COLUMN note TEXT;"], ..ONE };

fn count(database: &Database) -> i64 {
    database.connection().query_row("SELECT count(*) FROM numbers", [], |row| row.get(0)).expect("the table")
}

#[test]
fn made_private_and_durable_then_brought_up_to_date() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    let mut database = Database::create(&path, &ONE).expect("made");
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let pragma = |name| database.connection().pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    assert_eq!(pragma("synchronous"), Ok(2));
    assert_eq!(pragma("auto_vacuum"), Ok(2));
    database.write(|sql| Ok(sql.execute("INSERT INTO numbers VALUES (1)", [])?)).expect("written");
    assert!(matches!(Database::create(&path, &ONE), Err(Error { fault: Fault::Exists, .. })));
    drop(database);
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "no temporary file stays");
    assert!(matches!(Database::read(&path, &TWO), Err(Error { fault: Fault::Older { .. }, .. })));
    let database = Database::open(&path, &TWO).expect("migrated");
    assert_eq!(count(&database), 1);
    drop(database);
    let newer = Database::open(&path, &ONE).expect_err("newer");
    assert!(matches!(newer.fault, Fault::Newer { found: 2, known: 1 }), "{newer}");
    assert_eq!(count(&Database::read(&path, &TWO).expect("read")), 1);
}

#[test]
fn an_error_rolls_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut database = Database::create(&folder.path().join("x.db"), &ONE).expect("made");
    let outcome: Result<(), Error> = database.write(|sql| {
        sql.execute("INSERT INTO numbers VALUES (1)", [])?;
        Err(Fault::Full)
    });
    assert!(outcome.expect_err("it failed").is_temporary());
    assert_eq!(count(&database), 0);
}

#[test]
fn what_would_be_kept_nowhere_is_refused() {
    let moved: [fn(&Path); 3] = [
        |path| fs::remove_file(path).expect("deleted"),
        |path| fs::rename(path, path.with_extension("old")).expect("moved"),
        |path| {
            drop(Database::create(&path.with_extension("new"), &ONE).expect("made"));
            fs::rename(path.with_extension("new"), path).expect("replaced");
        },
    ];
    for how in moved {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.db");
        let mut database = Database::create(&path, &ONE).expect("made");
        database.write(|sql| Ok(sql.execute("INSERT INTO numbers VALUES (1)", [])?)).expect("written");
        how(&path);
        let outcome = database.write(|sql| Ok(sql.execute("INSERT INTO numbers VALUES (2)", [])?));
        assert!(matches!(outcome.expect_err("moved").fault, Fault::Moved));
        assert!(matches!(database.begin().expect_err("moved").fault, Fault::Moved));
        assert_eq!(count(&database), 1);
    }
}

#[test]
fn what_is_no_database_of_ours_is_named_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    let fault = |path: &Path| Database::open(path, &ONE).expect_err("must be refused").fault;
    assert!(matches!(fault(&path), Fault::Missing));
    assert!(!path.exists());
    assert!(matches!(fault(folder.path()), Fault::Folder));
    assert!(matches!(fault(Path::new("/dev/null")), Fault::NotRegular));
    drop(Database::create(&path, &ONE).expect("made"));
    let good = fs::read(&path).expect("bytes");
    let page = usize::from(u16::from_be_bytes([good[16], good[17]]));
    for (length, want) in [
        (0, "is empty"),
        (10, "not an SQLite database"),
        (99, "not an SQLite database"),
        (page, "cut or damaged"),
        (good.len() - 1, "cut or damaged"),
    ] {
        fs::write(&path, &good[..length]).expect("cut");
        assert_eq!(fault(&path).to_string(), want, "{length} bytes");
        assert_eq!(fs::read(&path).expect("bytes"), good[..length]);
    }
    fs::write(&path, "registry\n").expect("other text");
    assert!(matches!(fault(&path), Fault::NotSqlite));
    assert_eq!(fs::read(&path).expect("bytes"), b"registry\n");
    fs::write(&path, &good).expect("whole again");
    let other = Schema { application_id: 1, ..ONE };
    assert!(matches!(Database::open(&path, &other).expect_err("other").fault, Fault::Foreign("test file")));
    assert_eq!(fs::read(&path).expect("bytes"), good);
}

#[test]
fn many_at_once_make_one_and_lose_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.db");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut database = Database::open_or_create(&path, &ONE).expect("opened");
                for _ in 0..10 {
                    let next = "INSERT INTO numbers SELECT coalesce(max(n), 0) + 1 FROM numbers";
                    database.write(|sql| Ok(sql.execute(next, [])?)).expect("its turn");
                }
            });
        }
    });
    assert_eq!(count(&Database::open(&path, &ONE).expect("opened")), 80);
}
