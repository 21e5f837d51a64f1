//! The `crossfade` program; everything is in the library

fn main() -> std::process::ExitCode {
    crossfade::cli::main()
}
