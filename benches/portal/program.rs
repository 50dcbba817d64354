//! The released program, started and watched from outside.

use crate::*;

/// The release program, serving.
pub struct Program {
    pub child: Child,
    pub address: SocketAddr,
}

impl Program {
    /// Starts it and waits for its first answer.
    pub fn start(folder: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_care-portal"));
        command
            .arg("serve")
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.env("CARE_PORTAL_DATA_DIR", folder);
        for (name, value) in address_settings(address) {
            command.env(format!("CARE_PORTAL_{name}"), value);
        }
        let mut program = Self { child: command.spawn().unwrap(), address };
        let until = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(_) => {
                    assert!(
                        program.child.try_wait().unwrap().is_none() && Instant::now() < until,
                        "the program does not serve"
                    );
                    thread::sleep(Duration::from_micros(200));
                }
            }
        };
        let health = get(address, "/health", "connection: close\r\n");
        assert_eq!(Connection::over(stream).ask(health.as_bytes()).0, 200, "the first answer");
        program
    }

    /// Resident memory now and at its highest, in KiB.
    pub fn memory(&self) -> (usize, usize) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Asks it to end, as a service manager does.
    pub fn stop(mut self) {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

pub fn wipe(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
}
