//! A wire tap before a real registry: it counts what is asked and answered, and can spoil chosen
//! answers in ways that a real registry can not be made to.
//!
//! It speaks HTTP/1.1 on loopback, passes bodies on as they come, and never changes what it is not
//! told to.

use std::io::{self, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// One request and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// `GET`, say.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The value of `Range`.
    pub range: Option<String>,
    /// Whether it carried credentials.
    pub authorized: bool,
    /// The bytes of its body.
    pub received: u64,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// The bytes of the answer's body that were passed on.
    pub sent: u64,
}

/// What becomes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is passed on.
    None,
    /// The connection is reset before anything is answered.
    Reset,
    /// Nothing is answered, and the connection stays open so long.
    Stall(Duration),
    /// The body breaks off after so many bytes.
    CutBody(u64),
    /// The body of the request breaks off after so many bytes.
    CutRequest(u64),
    /// One byte of the body is another one.
    Spoil,
    /// This is answered in place of the registry: status, more header lines, body.
    Answer(u16, String, Vec<u8>),
    /// The answer is passed on with this header in place of its own.
    Header(&'static str, String),
}

type Plan = Box<dyn Fn(usize, &Exchange) -> Fault + Send>;

struct Shared {
    upstream: String,
    log: Mutex<Vec<Exchange>>,
    plan: Mutex<Plan>,
}

/// A tap that is listening.
pub struct Tap {
    /// `127.0.0.1:PORT`.
    pub host: String,
    shared: Arc<Shared>,
}

impl Tap {
    /// Begins to listen, before the registry at `upstream`.
    ///
    /// # Panics
    /// When loopback has no port left.
    pub fn new(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            log: Mutex::default(),
            plan: Mutex::new(Box::new(|_, _| Fault::None)),
        });
        let listening = Arc::clone(&shared);
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&listening);
                thread::spawn(move || {
                    // Either side may go away at any moment.
                    let _ = serve(&shared, &client);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { host, shared }
    }

    /// Decides from now on what becomes of each answer, by the number of the request (from 0, since
    /// the last [`Self::clear`]) and what is known of it.
    pub fn plan(&self, plan: impl Fn(usize, &Exchange) -> Fault + Send + 'static) {
        *self
            .shared
            .plan
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Box::new(plan);
    }

    /// Returns what was asked since the last [`Self::clear`].
    pub fn log(&self) -> Vec<Exchange> {
        let log = self.shared.log.lock();
        log.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what was asked.
    pub fn clear(&self) {
        let log = self.shared.log.lock();
        log.unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Counts the requests of a method whose path contains a text.
    pub fn count(&self, method: &str, part: &str) -> usize {
        let is_one = |it: &&Exchange| it.method == method && it.path.contains(part);
        self.log().iter().filter(is_one).count()
    }
}

/// The start line and the headers.
struct Head {
    first: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn read(reader: &mut impl io::BufRead) -> io::Result<Option<Self>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(None);
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() && !lines.is_empty() {
                break;
            }
            if !line.is_empty() {
                lines.push(line);
            }
        }
        let mut lines = lines.into_iter();
        let first = lines.next().unwrap_or_default();
        let split = |line: String| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        let headers = lines.filter_map(split).collect();
        Ok(Some(Self { first, headers }))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    fn write(&self, mut to: &TcpStream) -> io::Result<()> {
        let mut text = format!("{}\r\n", self.first);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        to.write_all(text.as_bytes())
    }

    fn word(&self, place: usize) -> &str {
        self.first.split(' ').nth(place).unwrap_or_default()
    }

    fn body(&self) -> Body {
        let chunked = |value: &str| value.eq_ignore_ascii_case("chunked");
        if self.get("transfer-encoding").is_some_and(chunked) {
            return Body::Chunked;
        }
        Body::Sized(self.get("content-length").and_then(|n| n.parse().ok()))
    }
}

#[derive(Clone, Copy)]
enum Body {
    Sized(Option<u64>),
    Chunked,
}

/// How a body is passed on.
struct Passing {
    /// No more than so many bytes.
    limit: u64,
    /// The first byte is changed.
    spoil: bool,
}

const WHOLE: Passing = Passing {
    limit: u64::MAX,
    spoil: false,
};

/// Passes a body on; says how many bytes of content passed, and whether it is whole.
fn pass(
    body: Body,
    to_its_end: bool,
    from: &mut impl io::BufRead,
    to: &TcpStream,
    how: &Passing,
) -> io::Result<(u64, bool)> {
    let mut passed = 0;
    match body {
        Body::Sized(None) if !to_its_end => Ok((0, true)),
        Body::Sized(length) => {
            let done = piece(from, to, length.unwrap_or(u64::MAX), &mut passed, how)?;
            Ok((passed, done))
        }
        Body::Chunked => loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16);
            let size = size.map_err(io::Error::other)?;
            let mut out = to;
            out.write_all(line.as_bytes())?;
            let whole = piece(from, to, size, &mut passed, how)?;
            if !whole {
                return Ok((passed, false));
            }
            let mut end = [0; 2];
            from.read_exact(&mut end)?;
            out.write_all(&end)?;
            if size == 0 {
                return Ok((passed, true));
            }
        },
    }
}

/// Passes on `length` bytes, or what the limit leaves of them.
fn piece(
    from: &mut impl Read,
    mut to: &TcpStream,
    length: u64,
    passed: &mut u64,
    how: &Passing,
) -> io::Result<bool> {
    let mut left = length;
    let mut buffer = vec![0; 64 << 10];
    while left > 0 {
        let room = how.limit.saturating_sub(*passed);
        if room == 0 {
            return Ok(false);
        }
        let most = left.min(room).min(buffer.len() as u64);
        let most = usize::try_from(most).unwrap_or(buffer.len());
        let count = from.read(&mut buffer[..most])?;
        if count == 0 {
            return Ok(length == u64::MAX);
        }
        if how.spoil && *passed == 0 {
            buffer[0] ^= 1;
        }
        to.write_all(&buffer[..count])?;
        *passed += count as u64;
        left -= count as u64;
    }
    Ok(true)
}

/// Sees to one connection.
fn serve(shared: &Shared, client: &TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let upstream = TcpStream::connect(&shared.upstream)?;
    upstream.set_nodelay(true)?;
    let mut from_client = BufReader::new(client.try_clone()?);
    let mut from_upstream = BufReader::new(upstream.try_clone()?);
    while let Some(request) = Head::read(&mut from_client)? {
        let exchange = Exchange {
            method: request.word(0).to_owned(),
            path: request.word(1).to_owned(),
            range: request.get("range").map(str::to_owned),
            authorized: request.get("authorization").is_some(),
            ..Exchange::default()
        };
        let (number, fault) = {
            let mut log = shared.log.lock().unwrap_or_else(PoisonError::into_inner);
            let plan = shared.plan.lock().unwrap_or_else(PoisonError::into_inner);
            let fault = plan(log.len(), &exchange);
            log.push(exchange.clone());
            (log.len() - 1, fault)
        };
        let note = |change: &dyn Fn(&mut Exchange)| {
            let mut log = shared.log.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever cleared the log does not want it any more.
            if let Some(known) = log.get_mut(number).filter(|it| it.path == exchange.path) {
                change(known);
            }
        };
        match &fault {
            Fault::Reset => {
                rustix::net::sockopt::set_socket_linger(client, Some(Duration::ZERO))?;
                return Ok(());
            }
            Fault::Stall(time) => {
                thread::sleep(*time);
                return Ok(());
            }
            Fault::Answer(status, headers, body) => {
                let text = format!(
                    "HTTP/1.1 {status} Spoilt\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
                    body.len()
                );
                let mut out = client;
                out.write_all(text.as_bytes())?;
                if exchange.method != "HEAD" {
                    out.write_all(body)?;
                }
                note(&|it| it.status = *status);
                return linger(client, &mut from_client);
            }
            _ => {}
        }
        request.write(&upstream)?;
        let how = match fault {
            Fault::CutRequest(limit) => Passing { limit, ..WHOLE },
            _ => WHOLE,
        };
        let (received, whole) = pass(request.body(), false, &mut from_client, &upstream, &how)?;
        note(&|it| it.received = received);
        if !whole {
            rustix::net::sockopt::set_socket_linger(client, Some(Duration::ZERO))?;
            return Ok(());
        }
        let Some(mut answer) = Head::read(&mut from_upstream)? else {
            return Ok(());
        };
        let status = answer.word(1).parse().unwrap_or_default();
        note(&|it| it.status = status);
        if let Fault::Header(name, value) = &fault {
            answer.set(name, value);
        }
        answer.write(client)?;
        if exchange.method == "HEAD" || matches!(status, 204 | 304) || status < 200 {
            continue;
        }
        let how = match fault {
            Fault::CutBody(limit) => Passing { limit, ..WHOLE },
            Fault::Spoil => Passing {
                spoil: true,
                ..WHOLE
            },
            _ => WHOLE,
        };
        let (sent, whole) = pass(answer.body(), true, &mut from_upstream, client, &how)?;
        note(&|it| it.sent = sent);
        if !whole {
            return Ok(());
        }
    }
    Ok(())
}

/// Ends a connection so that what was answered arrives, also when a body was not read.
fn linger(client: &TcpStream, from_client: &mut impl Read) -> io::Result<()> {
    client.shutdown(Shutdown::Write)?;
    client.set_read_timeout(Some(Duration::from_secs(2)))?;
    io::copy(from_client, &mut io::sink())?;
    Ok(())
}
