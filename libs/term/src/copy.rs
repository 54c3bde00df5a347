//! The progress of a copy: bars on a terminal, lines elsewhere, objects for programs.
//!
//! ```text
//! {"event":"plan","layers":[{"digest":"sha256:…","size":123}]}
//! {"event":"progress","layer":0,"bytes":65536}         bytes read so far; at most 5 a second
//! {"event":"layer","layer":0,"outcome":"copied","digest":"sha256:…","size":123}
//! {"event":"layer","layer":1,"outcome":"exists"}
//! {"event":"step","text":"Writing manifest to image destination"}
//! ```
//!
//! All of it goes to standard error. The report, the lines that skopeo prints on standard output,
//! is apart from it: it goes where [`Report`] says.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use image::{LayerOutcome, LayerPlan, Note, Progress};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::Interrupt;
use crate::program::say;
use crate::progress::Shown;
use crate::size::human;

/// Where the report lines of a copy go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// To standard output, as the original prints them.
    Stdout,
    /// To standard error, because standard output carries the image or other data.
    Stderr,
    /// To standard error, and no more than what a person would miss: that another process is
    /// waited for, that an image goes out under another digest.
    Notable,
    /// Nowhere.
    Silent,
}

/// How often a line says how far a copy is when there are no bars.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often an object says it.
const JSON_EVERY: Duration = Duration::from_millis(200);

/// Shows a copy while it runs.
pub struct CopyProgress {
    shown: Shown,
    report: Report,
    interrupt: Interrupt,
    bars: MultiProgress,
    state: Mutex<State>,
}

/// What moved so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// Layers that were copied.
    pub layers: usize,
    /// Layers that the destination had.
    pub existing: usize,
    /// Bytes of layers that were read from the source.
    pub bytes: u64,
}

#[derive(Default)]
struct State {
    moved: Moved,
    layers: Vec<Layer>,
    total: Option<ProgressBar>,
    told: Option<Instant>,
}

struct Layer {
    name: String,
    size: u64,
    read: u64,
    bar: Option<ProgressBar>,
    told: Option<Instant>,
}

impl CopyProgress {
    /// Shows a copy this way, and asks it to stop when the interrupt says so.
    pub fn new(shown: Shown, report: Report, interrupt: &Interrupt) -> CopyProgress {
        CopyProgress {
            shown,
            report,
            interrupt: interrupt.clone(),
            bars: MultiProgress::new(),
            state: Mutex::default(),
        }
    }

    /// What moved so far, all images of the copy together.
    pub fn moved(&self) -> Moved {
        self.state().moved
    }

    /// Takes the bars off the screen.
    pub fn finish(&self) {
        // A terminal that has gone away is not the copy's concern.
        let _ = self.bars.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a report line between the bars.
    fn report(&self, text: &str) {
        let write = || match self.report {
            Report::Silent => {}
            Report::Stderr | Report::Notable => say(&format!("{text}\n")),
            // The copy goes on when nobody reads its report.
            Report::Stdout => {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "{text}").and_then(|()| out.flush());
            }
        };
        match self.shown {
            Shown::Bars => self.bars.suspend(write),
            _ => write(),
        }
    }
}

fn event(value: &Value) {
    say(&format!("{value}\n"));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// Says whether something said every `every` is due, and notes that it is said now.
fn due(told: &mut Option<Instant>, every: Duration) -> bool {
    let now = Instant::now();
    let is_due = told.is_none_or(|last| now.duration_since(last) >= every);
    if is_due {
        *told = Some(now);
    }
    is_due
}

impl Progress for CopyProgress {
    fn plan(&self, layers: &[LayerPlan]) {
        let mut state = self.state();
        for bar in state.layers.iter().filter_map(|layer| layer.bar.as_ref()) {
            bar.finish_and_clear();
        }
        if let Some(total) = state.total.take() {
            total.finish_and_clear();
        }
        let bars = self.shown == Shown::Bars;
        state.layers = layers
            .iter()
            .map(|layer| {
                let name: String = layer.digest.hex().chars().take(12).collect();
                let bar = bars.then(|| {
                    self.bars.add(
                        ProgressBar::new(layer.size)
                            .with_style(style(
                                "{prefix} [{bar:40}] {decimal_bytes}/{decimal_total_bytes} {msg}",
                            ))
                            .with_prefix(name.clone()),
                    )
                });
                Layer {
                    name,
                    size: layer.size,
                    read: 0,
                    bar,
                    told: None,
                }
            })
            .collect();
        let sum = layers
            .iter()
            .fold(0_u64, |sum, layer| sum.saturating_add(layer.size));
        match self.shown {
            Shown::Bars => {
                let bar = ProgressBar::new(sum).with_style(style(
                    "total        [{bar:40}] {decimal_bytes}/{decimal_total_bytes} \
                     {decimal_bytes_per_sec} {eta}",
                ));
                state.total = Some(self.bars.add(bar));
            }
            Shown::Lines => {
                state.told = Some(Instant::now());
                let text = match layers.len() {
                    1 => "1 layer".to_owned(),
                    count => format!("{count} layers"),
                };
                say(&format!("{text}, {}\n", human(sum)));
            }
            Shown::Json => {
                let layers: Vec<Value> = layers
                    .iter()
                    .map(|layer| json!({"digest": layer.digest.to_string(), "size": layer.size}))
                    .collect();
                event(&json!({"event": "plan", "layers": layers}));
            }
            Shown::Nothing => {}
        }
    }

    fn advance(&self, layer: usize, bytes: u64) {
        let mut state = self.state();
        state.moved.bytes = state.moved.bytes.saturating_add(bytes);
        let Some(this) = state.layers.get_mut(layer) else {
            return;
        };
        this.read = this.read.saturating_add(bytes);
        match self.shown {
            Shown::Bars => {
                if let Some(bar) = &this.bar {
                    bar.inc(bytes);
                }
                if let Some(total) = &state.total {
                    total.inc(bytes);
                }
            }
            Shown::Json => {
                if due(&mut this.told, JSON_EVERY) {
                    let read = this.read;
                    event(&json!({"event": "progress", "layer": layer, "bytes": read}));
                }
            }
            Shown::Lines => {
                if due(&mut state.told, LINE_EVERY) {
                    let read = state.layers.iter().map(|layer| layer.read).sum();
                    let all = state.layers.iter().map(|layer| layer.size).sum();
                    say(&format!("{} of {}\n", human(read), human(all)));
                }
            }
            Shown::Nothing => {}
        }
    }

    fn layer_done(&self, layer: usize, outcome: LayerOutcome) {
        let mut state = self.state();
        match outcome {
            LayerOutcome::Exists => state.moved.existing += 1,
            _ => state.moved.layers += 1,
        }
        let Some(this) = state.layers.get_mut(layer) else {
            return;
        };
        // What was not read did not have to be: it counts as done.
        let unread = this.size.saturating_sub(this.read);
        this.read = this.size;
        let word = match outcome {
            LayerOutcome::Exists => "exists",
            _ => "done",
        };
        match self.shown {
            Shown::Bars => {
                if let Some(bar) = &this.bar {
                    bar.set_position(this.size);
                    bar.abandon_with_message(word);
                }
                if let Some(total) = &state.total {
                    total.inc(unread);
                }
            }
            Shown::Lines => say(&format!(
                "layer {} {}: {word}\n",
                this.name,
                human(this.size)
            )),
            Shown::Json => event(&match outcome {
                LayerOutcome::Copied { digest, size } => json!({
                    "event": "layer", "layer": layer, "outcome": "copied",
                    "digest": digest.to_string(), "size": size,
                }),
                _ => json!({"event": "layer", "layer": layer, "outcome": "exists"}),
            }),
            Shown::Nothing => {}
        }
    }

    fn note(&self, note: Note) {
        let Some(text) = words(&note) else { return };
        if self.shown == Shown::Json {
            event(&json!({"event": "step", "text": text}));
        }
        let notable = matches!(
            note,
            Note::WaitingForLayer { .. } | Note::LayersUncompressed { .. }
        );
        if notable || self.report != Report::Notable {
            self.report(&text);
        }
    }

    fn cancelled(&self) -> bool {
        self.interrupt.is_set()
    }
}

/// A step in skopeo's words; `None` for what it does not say.
pub fn words(note: &Note) -> Option<String> {
    Some(match note {
        Note::GettingSignatures => "Getting image source signatures".to_owned(),
        Note::CheckingSignatureSupport => {
            "Checking if image destination supports signatures".to_owned()
        }
        Note::GettingListSignatures => "Getting image list signatures".to_owned(),
        Note::CheckingListSignatureSupport => {
            "Checking if image list destination supports signatures".to_owned()
        }
        Note::CopyingInstances { count, of } => {
            format!("Copying {count} of {of} images in list")
        }
        Note::CopyingInstance {
            digest,
            number,
            count,
        } => format!("Copying image {digest} ({number}/{count})"),
        Note::CopyingBlob { digest } => format!("Copying blob {digest}"),
        Note::CopyingReferrer {
            digest,
            artifact_type,
        } => match artifact_type {
            Some(artifact_type) => format!("Copying referrer {digest} ({artifact_type})"),
            None => format!("Copying referrer {digest}"),
        },
        Note::CopyingConfig { digest } => format!("Copying config {digest}"),
        Note::WritingManifest => "Writing manifest to image destination".to_owned(),
        Note::WritingList => "Writing manifest list to image destination".to_owned(),
        Note::CreatingSignature {
            number: Some(number),
            kind,
        } => format!("Creating signature {number}: {kind}"),
        Note::CreatingSignature { number: None, kind } => format!("Creating signature: {kind}"),
        Note::StoringSignatures => "Storing signatures".to_owned(),
        Note::StoringListSignatures => "Storing list signatures".to_owned(),
        Note::AlreadyPresent => "Skipping: image already present at destination".to_owned(),
        Note::LayersUncompressed { stored } => format!(
            "The store has the layers uncompressed alone: the copy of {stored} gets another digest"
        ),
        Note::WaitingForLayer { layer, holder } => match holder {
            Some(process) => format!("Waiting for layer {layer}, which process {process} fetches"),
            None => format!("Waiting for layer {layer}, which another process fetches"),
        },
        _ => return None,
    })
}
