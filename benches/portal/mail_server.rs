//! A mail server that takes everything.

use crate::*;

pub struct MailServer {
    pub address: SocketAddr,
    pub taken: Arc<AtomicUsize>,
}

impl MailServer {
    /// `at_once`: acknowledge every packet at once, where others wait up to 40 ms for something to send with it.
    pub fn start(at_once: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = taken.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let counter = counter.clone();
                thread::spawn(move || serve_mail(stream.unwrap(), &counter, at_once));
            }
        });
        Self { address, taken }
    }

    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

/// One connection, until the client leaves.
pub fn serve_mail(mut stream: TcpStream, taken: &AtomicUsize, at_once: bool) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    stream.write_all(b"220 bench\r\n").ok()?;
    let mut in_text = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        #[cfg(not(target_os = "linux"))]
        let _ = at_once;
        #[cfg(target_os = "linux")]
        if at_once && lines.buffer().is_empty() {
            // The system forgets this wish after a while.
            std::os::linux::net::TcpStreamExt::set_quickack(&stream, true).ok()?;
        }
        if lines.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match (in_text, verb.as_slice()) {
            (true, _) if line == b".\r\n" => {
                in_text = false;
                taken.fetch_add(1, Ordering::SeqCst);
                b"250 taken\r\n"
            }
            (true, _) => continue,
            (false, b"EHLO") => b"250-bench\r\n250 8BITMIME\r\n",
            (false, b"DATA") => {
                in_text = true;
                b"354 go on\r\n"
            }
            (false, b"QUIT") => return None,
            (false, _) => b"250 fine\r\n",
        };
        stream.write_all(answer).ok()?;
    }
}
