//! A registry that does what a test tells it, request by request, and records what it is sent.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::debian::Certificates;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether it came over TLS.
    pub tls: bool,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The offset of `Range: bytes=N-`.
    pub fn offset(&self) -> Option<usize> {
        self.header("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }
}

/// What is done with a request.
pub enum Reply {
    /// A whole answer, with `Content-Length` and `Connection: close`.
    Http {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// These bytes and nothing else.
    Raw(Vec<u8>, End),
    /// The first bytes at once, the others one by one.
    Slow {
        at_once: Vec<u8>,
        then: Vec<u8>,
        every: Duration,
    },
    /// The first bytes, and then the others again and again.
    Endless(Vec<u8>, Vec<u8>),
}

/// How a connection ends.
pub enum End {
    Close,
    Reset,
    Stall,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Http {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).body(body)
    }

    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        if let Self::Http { body, .. } = &mut self {
            *body = bytes.into();
        }
        self
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        if let Self::Http { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_string()));
        }
        self
    }
}

type Handler = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// The registry; dropping it ends it.
pub struct Script {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    outlived: Arc<AtomicBool>,
}

impl Script {
    /// Starts a registry. The handler is told how many requests with the same method and path
    /// came before.
    pub fn start(handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(None, handler)
    }

    /// Starts a registry that speaks TLS with who begins with it, and plain http with others.
    pub fn start_tls(
        certificates: &Certificates,
        handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let pem = |name: &str| certificates.pem(name).bytes;
        let chain = CertificateDer::pem_slice_iter(&pem("server.pem"))
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        let key = PrivateKeyDer::from_pem_slice(&pem("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self::listen(Some(Arc::new(config)), handler)
    }

    fn listen(
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let outlived = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&outlived);
        let handler: Arc<Handler> = Arc::new(handler);
        let counts = Arc::new(Mutex::new(HashMap::new()));
        let (log, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (log, stopped) = (Arc::clone(&log), Arc::clone(&stopped));
                let (handler, counts) = (Arc::clone(&handler), Arc::clone(&counts));
                let ended = Arc::clone(&ended);
                let tls = tls.clone();
                thread::spawn(move || {
                    let Some(mut peer) = Peer::accept(stream, tls) else {
                        return;
                    };
                    let Some(request) = read_request(&mut peer) else {
                        return;
                    };
                    let key = format!(
                        "{} {}",
                        request.method,
                        request.target.split('?').next().unwrap()
                    );
                    let before = {
                        let mut counts = counts.lock().unwrap();
                        let count = counts.entry(key).or_insert(0);
                        *count += 1;
                        *count - 1
                    };
                    log.lock().unwrap().push(request.clone());
                    // The client may hang up in the middle, which is its right.
                    let reply = handler(&request, before);
                    let _ = answer(peer, &request, reply, &stopped, &ended);
                });
            }
        });
        Self {
            address,
            seen,
            stop,
            outlived,
        }
    }

    /// Tells whether a connection that stalls ended because the registry had enough, and not the
    /// client.
    pub fn gave_up(&self) -> bool {
        self.outlived.load(Ordering::SeqCst)
    }

    pub fn host(&self) -> String {
        self.address.to_string()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn count(&self, method: &str, path: &str) -> usize {
        self.seen()
            .iter()
            .filter(|s| s.method == method && s.target.split('?').next() == Some(path))
            .count()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// A connection that was accepted.
enum Peer {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Peer {
    /// Looks at how it begins; `None` is who greets by TLS where there is none.
    fn accept(stream: TcpStream, tls: Option<Arc<ServerConfig>>) -> Option<Self> {
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut first = [0];
        stream.peek(&mut first).ok()?;
        if first[0] != 0x16 {
            return Some(Self::Plain(stream));
        }
        let connection = ServerConnection::new(tls?).unwrap();
        Some(Self::Tls(Box::new(StreamOwned::new(connection, stream))))
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn read_request(peer: &mut Peer) -> Option<Seen> {
    let tls = matches!(peer, Peer::Tls(_));
    let mut reader = BufReader::new(peer);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Seen {
        method,
        target,
        headers,
        body: Vec::new(),
        tls,
    };
    if let Some(length) = request.header("content-length") {
        let length: u64 = length.parse().ok()?;
        let mut body = Vec::new();
        reader.take(length).read_to_end(&mut body).ok()?;
        request.body = body;
    } else if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let length = u64::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = Vec::new();
            reader
                .by_ref()
                .take(length + 2)
                .read_to_end(&mut chunk)
                .ok()?;
            chunk.truncate(usize::try_from(length).unwrap());
            if length == 0 {
                break;
            }
            request.body.extend(chunk);
        }
    }
    Some(request)
}

fn answer(
    mut stream: Peer,
    request: &Seen,
    reply: Reply,
    stop: &AtomicBool,
    ended: &AtomicBool,
) -> std::io::Result<()> {
    match reply {
        Reply::Http {
            status,
            headers,
            body,
        } => {
            let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
            if !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            {
                head.push_str(&format!("Content-Length: {}\r\n", body.len()));
            }
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            stream.write_all(head.as_bytes())?;
            if request.method != "HEAD" {
                stream.write_all(&body)?;
            }
        }
        Reply::Raw(bytes, end) => {
            stream.write_all(&bytes)?;
            match end {
                End::Close => {}
                End::Reset => {
                    // What was written must be read before the reset throws it away.
                    thread::sleep(Duration::from_millis(30));
                    let at_once = Some(Duration::ZERO);
                    rustix::net::sockopt::set_socket_linger(stream.socket(), at_once).unwrap();
                }
                End::Stall => stall(stop, ended),
            }
        }
        Reply::Slow {
            at_once,
            then,
            every,
        } => {
            stream.write_all(&at_once)?;
            for byte in then {
                thread::sleep(every);
                stream.write_all(&[byte])?;
            }
        }
        Reply::Endless(first, then) => {
            stream.write_all(&first)?;
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(10) {
                stream.write_all(&then)?;
            }
        }
    }
    Ok(())
}

fn stall(stop: &AtomicBool, ended: &AtomicBool) {
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if began.elapsed() > Duration::from_secs(60) {
            ended.store(true, Ordering::SeqCst);
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
