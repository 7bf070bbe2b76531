//! Link options of the commands: fewer pages to touch before `main`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = |name| std::env::var(name).unwrap_or_default();
    if target("CARGO_CFG_TARGET_OS") == "linux" && target("CARGO_CFG_TARGET_ENV") == "gnu" {
        // Pointers into the program itself, packed (glibc 2.36): a tenth of the
        // relocations to read at every start.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        // The unwinder out of the compiler's archive: one library less to find
        // and map at every start.
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
