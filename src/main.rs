//! The program: reads the command line and leaves the rest to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    care_portal::cli::main()
}
