//! A mail server that does what a test tells it to: takes mail, puts it off, refuses it, hangs, or
//! drops the line at the worst moment.
//!
//! It speaks plain ESMTP on a port of the loopback address and keeps every mail whose last dot it has seen.

#![allow(dead_code, reason = "a set of tools: which of them the tests use changes")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What the server does when a client names a recipient.
#[derive(Clone, Debug)]
pub enum Behaviour {
    Accept,
    /// Answers with a 4xx code and a text.
    Temporary(u16, String),
    /// Answers with a 5xx code and a text.
    Permanent(u16, String),
    /// Never answers, and keeps the connection.
    HangForever,
    /// Takes the whole mail, then closes instead of saying so: the client cannot know whether the
    /// mail arrived. It did.
    CloseAfterData,
    /// Offers encryption and then speaks nonsense, as a machine in between would that cannot decrypt.
    BrokenTls,
    /// Offers encryption and then shows this certificate (with its key, as PEM).
    Certificate(&'static str),
    /// Closes before a word is said. As a recipient's answer: closes at once.
    CloseAtConnect,
    /// Answers one byte, waits this long, answers the next; until the connection ends.
    Slow(Duration),
    /// Puts an address off this many times, then takes it.
    Greylist {
        times: u32,
    },
}

/// A mail that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// Headers and body, with the SMTP dots undone and CRLF line ends.
    pub data: String,
    pub at: Instant,
    /// False when the connection was closed instead of telling the client that it arrived.
    pub acknowledged: bool,
}

type Script = Arc<dyn Fn(&str, u32) -> Behaviour + Send + Sync>;

struct Shared {
    script: Mutex<Script>,
    at_connect: Mutex<Behaviour>,
    attempts: Mutex<HashMap<String, u32>>,
    mails: Mutex<Vec<Received>>,
    lines: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

/// What holds the port: a task that accepts, or a socket that does not listen, so that the port
/// stays ours while it refuses.
enum Door {
    Open(JoinHandle<()>),
    Shut(TcpSocket),
}

pub struct ScriptedSmtp {
    address: SocketAddr,
    door: tokio::sync::Mutex<Option<Door>>,
    shared: Arc<Shared>,
}

impl ScriptedSmtp {
    /// Starts a server that takes every mail.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(|_, _| Behaviour::Accept)),
            at_connect: Mutex::new(Behaviour::Accept),
            attempts: Mutex::default(),
            mails: Mutex::default(),
            lines: Mutex::default(),
            connections: AtomicUsize::new(0),
        });
        let socket = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = socket.local_addr().expect("a bound address");
        let server = Self { address, door: tokio::sync::Mutex::new(Some(Door::Shut(socket))), shared };
        server.accept_connections().await;
        server
    }

    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `smtp://127.0.0.1:PORT`: no encryption.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// From now on does this for every recipient, and for new connections what can be done to
    /// those.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.at_connect.lock().unwrap() = behaviour.clone();
        self.set_script(Arc::new(move |_, _| behaviour.clone()));
    }

    /// From now on asks `script` about each recipient, with the address as the client wrote it and
    /// which attempt this is for it since the script was given: 1, 2, …
    pub fn answer_rcpt(&self, script: impl Fn(&str, u32) -> Behaviour + Send + Sync + 'static) {
        *self.shared.at_connect.lock().unwrap() = Behaviour::Accept;
        self.set_script(Arc::new(script));
    }

    fn set_script(&self, script: Script) {
        self.shared.attempts.lock().unwrap().clear();
        *self.shared.script.lock().unwrap() = script;
    }

    /// Goes away as a crashed server does: cuts the open connections and refuses new ones.
    pub async fn refuse_connections(&self) {
        let mut door = self.door.lock().await;
        if let Some(Door::Open(task)) = door.take_if(|door| matches!(door, Door::Open(_))) {
            task.abort();
            // Only when the task is gone has it let go of the port.
            task.await.ok();
            *door = Some(Door::Shut(bind(self.address)));
        }
    }

    /// Comes back on the same port.
    pub async fn accept_connections(&self) {
        let mut door = self.door.lock().await;
        if let Some(Door::Shut(socket)) = door.take_if(|door| matches!(door, Door::Shut(_))) {
            let listener = socket.listen(128).expect("listening on loopback");
            *door = Some(Door::Open(tokio::spawn(accept(listener, self.shared.clone()))));
        }
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How often this address was named as a recipient since the script was given.
    pub fn attempts(&self, address: &str) -> u32 {
        self.shared.attempts.lock().unwrap().get(address).copied().unwrap_or(0)
    }

    /// Every line that came in the clear, outside of mails.
    pub fn lines(&self) -> Vec<String> {
        self.shared.lines.lock().unwrap().clone()
    }

    /// The mails so far, in the order of their arrival.
    pub fn mails(&self) -> Vec<Received> {
        self.shared.mails.lock().unwrap().clone()
    }

    /// Waits until at least `n` mails have arrived, and answers all of them.
    pub async fn wait_for(&self, n: usize, timeout: Duration) -> Vec<Received> {
        let deadline = Instant::now() + timeout;
        loop {
            let mails = self.mails();
            if mails.len() >= n {
                return mails;
            }
            assert!(Instant::now() < deadline, "{} of {n} mails after {timeout:?}: {mails:#?}", mails.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for ScriptedSmtp {
    fn drop(&mut self) {
        if let Some(Door::Open(task)) = self.door.get_mut() {
            task.abort();
        }
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an address used twice");
    socket.bind(address).unwrap_or_else(|error| panic!("binding {address}: {error}"));
    socket
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and the conversations with it.
    let mut conversations = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let conversation = Conversation::new(stream, shared.clone());
        // A client that hangs up in the middle is no fault of the test.
        conversations.spawn(async move { drop(conversation.run().await) });
    }
}

struct Conversation {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    shared: Arc<Shared>,
    from: Option<String>,
    to: Vec<String>,
    pause: Option<Duration>,
    close_after_data: bool,
    broken_tls: bool,
    certificate: Option<&'static str>,
}

fn certified(pem: &str) -> tokio_rustls::TlsAcceptor {
    use tokio_rustls::rustls::{
        ServerConfig, crypto,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    };
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("its key");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that both know")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key that fits");
    Arc::new(config).into()
}

/// `None` ends the conversation.
type Turn = std::io::Result<Option<()>>;

impl Conversation {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        let (reader, writer) = stream.into_split();
        let reader = BufReader::new(reader);
        Self {
            reader,
            writer,
            shared,
            from: None,
            to: Vec::new(),
            pause: None,
            close_after_data: false,
            broken_tls: false,
            certificate: None,
        }
    }

    async fn run(mut self) -> std::io::Result<()> {
        let at_connect = self.shared.at_connect.lock().unwrap().clone();
        match at_connect {
            Behaviour::CloseAtConnect => return Ok(()),
            Behaviour::Slow(pause) => self.pause = Some(pause),
            Behaviour::BrokenTls => self.broken_tls = true,
            Behaviour::Certificate(pem) => self.certificate = Some(pem),
            _ => {}
        }
        self.say("220 localhost ESMTP").await?;
        while let Some(line) = self.line().await? {
            if self.command(&line).await?.is_none() {
                break;
            }
        }
        let (Some(pem), Some("STARTTLS")) =
            (self.certificate, self.shared.lines.lock().unwrap().last().map(String::as_str))
        else {
            return Ok(());
        };
        let stream = self.reader.into_inner().reunite(self.writer).expect("two halves of one stream");
        if certified(pem).accept(stream).await.is_ok() {
            self.shared.lines.lock().unwrap().push("the certificate was believed".to_owned());
        }
        Ok(())
    }

    async fn command(&mut self, line: &str) -> Turn {
        self.shared.lines.lock().unwrap().push(line.to_owned());
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if self.broken_tls || self.certificate.is_some() => {
                self.say("250-localhost\r\n250-STARTTLS\r\n250 AUTH PLAIN").await
            }
            "STARTTLS" if self.certificate.is_some() => {
                self.say("220 go ahead").await?;
                Ok(None)
            }
            "STARTTLS" if self.broken_tls => {
                self.say("220 go ahead").await?;
                self.say("500 what did you say").await?;
                Ok(None)
            }
            "EHLO" => {
                self.say("250-localhost\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250 SMTPUTF8").await
            }
            "HELO" | "NOOP" => self.say("250 ok").await,
            // Whoever logs in is let in: passwords are not what these tests are about.
            "AUTH" => self.say("235 welcome").await,
            "RSET" => {
                self.forget();
                self.say("250 ok").await
            }
            "MAIL" => {
                self.forget();
                self.from = Some(path(argument));
                self.say("250 ok").await
            }
            "RCPT" if self.from.is_some() => self.recipient(path(argument)).await,
            "DATA" if !self.to.is_empty() => self.mail().await,
            "RCPT" | "DATA" => self.say("503 bad sequence of commands").await,
            "QUIT" => {
                self.say("221 bye").await?;
                Ok(None)
            }
            _ => self.say("502 command not implemented").await,
        }
    }

    async fn recipient(&mut self, address: String) -> Turn {
        let attempt = {
            let mut attempts = self.shared.attempts.lock().unwrap();
            let attempt = attempts.entry(address.clone()).or_default();
            *attempt += 1;
            *attempt
        };
        let script = self.shared.script.lock().unwrap().clone();
        match script(&address, attempt) {
            Behaviour::Accept | Behaviour::BrokenTls | Behaviour::Certificate(_) => {}
            Behaviour::Temporary(code, text) | Behaviour::Permanent(code, text) => {
                return self.say(&format!("{code} {text}")).await;
            }
            Behaviour::HangForever => std::future::pending().await,
            Behaviour::CloseAfterData => self.close_after_data = true,
            Behaviour::CloseAtConnect => return Ok(None),
            Behaviour::Slow(pause) => self.pause = Some(pause),
            Behaviour::Greylist { times } if attempt <= times => {
                return self.say("451 4.7.1 greylisted, try again later").await;
            }
            Behaviour::Greylist { .. } => {}
        }
        self.to.push(address);
        self.say("250 ok").await
    }

    async fn mail(&mut self) -> Turn {
        self.say("354 end with a dot").await?;
        let mut data = String::new();
        loop {
            // A mail that breaks off has not arrived.
            let Some(line) = self.line().await? else {
                return Ok(None);
            };
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
        let acknowledged = !self.close_after_data;
        let from = self.from.take().unwrap_or_default();
        let to = std::mem::take(&mut self.to);
        self.shared.mails.lock().unwrap().push(Received { from, to, data, at: Instant::now(), acknowledged });
        if acknowledged { self.say("250 ok: queued").await } else { Ok(None) }
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
        self.close_after_data = false;
    }

    /// The next line without its end; `None` when the client has hung up.
    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).await?;
        let Some(line) = line.strip_suffix(b"\n") else {
            return Ok(None);
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }

    async fn say(&mut self, reply: &str) -> Turn {
        let reply = format!("{reply}\r\n");
        match self.pause {
            None => self.writer.write_all(reply.as_bytes()).await?,
            Some(pause) => {
                for byte in reply.bytes() {
                    self.writer.write_all(&[byte]).await?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
        Ok(Some(()))
    }
}

/// The address of `FROM:<a@b.org> BODY=8BITMIME` or `TO:<a@b.org>`.
fn path(argument: &str) -> String {
    let from = argument.find('<').map_or(0, |at| at + 1);
    let to = argument.rfind('>').unwrap_or(argument.len());
    argument.get(from..to).unwrap_or_default().to_owned()
}
