//! The progress of many copies at once: one bar on a terminal, objects for programs.
//!
//! ```text
//! {"event":"image","image":0,"from":"docker://…","to":"docker://…"}    one begins
//! {"event":"progress","bytes":65536,"total":123456}                    at most 5 a second
//! {"event":"step","image":0,"text":"Copying blob sha256:…"}
//! ```
//!
//! The lines that the original prints on standard output are kept for each image, and given out
//! when it is done: those of images that are copied at once would mix otherwise.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use image::{LayerOutcome, LayerPlan, Note, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::Interrupt;
use crate::copy::words;
use crate::program::say;
use crate::progress::Shown;

/// How often an object says how far all is.
const JSON_EVERY: Duration = Duration::from_millis(200);

/// Shows many copies while they run.
pub struct SyncProgress {
    shown: Shown,
    interrupt: Interrupt,
    stop: AtomicBool,
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: u64,
    total: u64,
    done: usize,
    told: Option<Instant>,
}

impl SyncProgress {
    /// Shows `images` copies, and asks them to stop when the interrupt says so.
    pub fn new(shown: Shown, images: usize, interrupt: &Interrupt) -> Self {
        let template = "{msg} [{bar:40}] {decimal_bytes}/{decimal_total_bytes} \
                        {decimal_bytes_per_sec} {eta}";
        let bar = (shown == Shown::Bars).then(|| {
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
            ProgressBar::new(0)
                .with_style(style)
                .with_message(format!("0/{images} images"))
        });
        Self {
            shown,
            interrupt: interrupt.clone(),
            stop: AtomicBool::new(false),
            bar,
            state: Mutex::default(),
        }
    }

    /// Begins an image.
    pub fn image(&self, number: usize, from: &str, to: &str) -> ImageProgress<'_> {
        if self.shown == Shown::Json {
            let event = json!({"event": "image", "image": number, "from": from, "to": to});
            say(&format!("{event}\n"));
        }
        ImageProgress {
            all: self,
            number,
            state: Mutex::default(),
        }
    }

    /// Notes that one more of `images` is done.
    pub fn image_done(&self, images: usize) {
        let mut state = self.state();
        state.done += 1;
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}/{images} images", state.done));
        }
    }

    /// Asks what is under way to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Prints between the steps of the bar.
    pub fn suspended<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar off the screen.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, total: u64, bytes: u64) {
        let mut state = self.state();
        state.total = state.total.saturating_add(total);
        state.bytes = state.bytes.saturating_add(bytes);
        if let Some(bar) = &self.bar {
            bar.inc_length(total);
            bar.inc(bytes);
        }
        let now = Instant::now();
        let due = state
            .told
            .is_none_or(|last| now.duration_since(last) >= JSON_EVERY);
        if self.shown == Shown::Json && bytes > 0 && due {
            state.told = Some(now);
            let event = json!({"event": "progress", "bytes": state.bytes, "total": state.total});
            say(&format!("{event}\n"));
        }
    }
}

/// One of the copies.
pub struct ImageProgress<'a> {
    all: &'a SyncProgress,
    number: usize,
    state: Mutex<ImageState>,
}

#[derive(Default)]
struct ImageState {
    report: String,
    left: Vec<u64>,
}

impl ImageProgress<'_> {
    /// Returns the lines that the original prints for the image.
    pub fn into_report(self) -> String {
        let state = self.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).report
    }

    fn state(&self) -> MutexGuard<'_, ImageState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for ImageProgress<'_> {
    fn plan(&self, layers: &[LayerPlan]) {
        self.state().left = layers.iter().map(|layer| layer.size).collect();
        self.all.add(layers.iter().map(|layer| layer.size).sum(), 0);
    }

    fn advance(&self, layer: usize, bytes: u64) {
        if let Some(left) = self.state().left.get_mut(layer) {
            *left = left.saturating_sub(bytes);
        }
        self.all.add(0, bytes);
    }

    fn layer_done(&self, layer: usize, _: LayerOutcome) {
        let left = self.state().left.get_mut(layer).map(std::mem::take);
        // What was not read did not have to be: it counts as done.
        self.all.add(0, left.unwrap_or_default());
    }

    fn note(&self, note: Note) {
        let Some(text) = words(&note) else { return };
        if self.all.shown == Shown::Json {
            let event = json!({"event": "step", "image": self.number, "text": text});
            say(&format!("{event}\n"));
        }
        // Writing to a String cannot fail.
        let _ = writeln!(self.state().report, "{text}");
    }

    fn cancelled(&self) -> bool {
        self.all.interrupt.is_set() || self.all.stop.load(Ordering::Relaxed)
    }
}
