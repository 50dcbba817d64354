//! Plain HTTP over connections that stay open: a heavy client would hide the difference between pages.

use crate::*;

pub fn get(address: SocketAddr, path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{more}\r\n")
}

pub fn post(address: SocketAddr, path: &str, kind: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nsec-fetch-site: same-origin\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
}

pub struct Connection {
    pub stream: TcpStream,
    pub part: Vec<u8>,
    pub buffer: Vec<u8>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream, part: vec![0; 65_536], buffer: Vec::new() }
    }

    /// Status and length of the answer.
    pub fn ask(&mut self, request: &[u8]) -> (u16, usize) {
        self.stream.write_all(request).unwrap();
        self.buffer.clear();
        let head = loop {
            self.read();
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).unwrap().to_lowercase();
        let length =
            text.split("content-length: ").nth(1).map(|rest| rest.lines().next().unwrap().parse::<usize>().unwrap());
        match length {
            Some(length) => {
                while self.buffer.len() < head + length {
                    self.read()
                }
            }
            None => {
                while !self.buffer.ends_with(b"\r\n0\r\n\r\n") {
                    self.read()
                }
            }
        }
        (text[9..12].parse().unwrap(), self.buffer.len())
    }

    pub fn read(&mut self) {
        let length = self.stream.read(&mut self.part).unwrap();
        assert!(length > 0, "the connection ended");
        self.buffer.extend_from_slice(&self.part[..length]);
    }
}

/// Asks the same over several connections until the time is over; how many answers and bytes came.
pub fn load(address: SocketAddr, request: &str, connections: usize, time: Duration) -> (usize, usize) {
    let until = Instant::now() + time;
    thread::scope(|threads| {
        let askers: Vec<_> = (0..connections)
            .map(|_| {
                threads.spawn(|| {
                    let mut connection = Connection::open(address);
                    let (mut answers, mut bytes) = (0, 0);
                    while Instant::now() < until {
                        let (status, length) = connection.ask(request.as_bytes());
                        assert_eq!(status, 200, "{request}");
                        (answers, bytes) = (answers + 1, bytes + length);
                    }
                    (answers, bytes)
                })
            })
            .collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).fold((0, 0), |sum, (a, b)| (sum.0 + a, sum.1 + b))
    })
}
