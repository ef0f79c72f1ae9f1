//! What the loaders know together: sources, pages, and what to load next. All of it is behind one lock, which the audio
//! thread never takes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use omega_rt::pages::{PageFiller, PagePool};
use omega_rt::pcm::overlap;

use super::file::{Entry, StreamFile, as_frames, for_pages};
use super::plan::{DEMAND, Geometry, MARGIN, Spot, Windows, wants};
use super::source::{CURSORS, NOWHERE, SourceShared};

/// A cursor that was not steered for so long is idle.
const IDLE_AFTER: Duration = Duration::from_millis(400);
/// A page that failed is tried again after this.
const RETRY: Duration = Duration::from_millis(500);

/// Pages that are looked for at a time when one must be taken from somewhere.
const VICTIMS: usize = 128;

/// One page that is wanted and absent.
pub(super) struct Request {
    pub file: Arc<StreamFile>,
    pub page: usize,
    urgency: f64,
}

/// A request with a page to fill.
pub(super) struct Job<'a> {
    pub request: Request,
    pub filler: PageFiller<'a>,
    slot: usize,
}

struct Source {
    shared: Weak<SourceShared>,
    /// The stamp seen last of each cursor, and when it changed.
    seen: [(u64, Instant); CURSORS],
}

/// What a page of the pool is used for.
#[derive(Default)]
struct Slot {
    owner: Option<(Arc<StreamFile>, usize)>,
    /// The last scan that wanted it, and how much.
    scan: u64,
    urgency: f64,
}

/// Everything behind the lock.
pub(super) struct State {
    windows: Windows,
    sources: Vec<Source>,
    files: HashMap<PathBuf, Weak<StreamFile>>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Slots that are being filled, one per thread at most.
    loading: Vec<usize>,
    /// Soonest last.
    queue: Vec<Request>,
    /// Slots that may be taken, the least wanted last; made when the free ones have run out.
    victims: Option<Vec<usize>>,
    scan: u64,
    scanned: Option<Instant>,
    retry: HashMap<(usize, usize), Instant>,
    pub evicted: u64,
}

impl State {
    pub fn new(pages: usize, windows: Windows) -> Self {
        Self {
            windows,
            sources: Vec::new(),
            files: HashMap::new(),
            slots: (0..pages).map(|_| Slot::default()).collect(),
            free: (0..pages).rev().collect(),
            loading: Vec::new(),
            queue: Vec::new(),
            victims: None,
            scan: 0,
            scanned: None,
            retry: HashMap::new(),
            evicted: 0,
        }
    }

    pub fn pages_used(&self) -> u64 {
        (self.slots.len() - self.free.len()) as u64
    }

    /// The file that is open already, when it is the same, or else the new one.
    pub fn share(&mut self, file: StreamFile) -> Arc<StreamFile> {
        let key = file.pcm.source.path().to_path_buf();
        if let Some(open) = self.files.get(&key).and_then(Weak::upgrade).filter(|open| open.is_same(&file)) {
            return open;
        }
        let file = Arc::new(file);
        self.files.insert(key, Arc::downgrade(&file));
        file
    }

    pub fn register(&mut self, source: &Arc<SourceShared>) {
        let seen = [(0, Instant::now()); CURSORS];
        self.sources.push(Source { shared: Arc::downgrade(source), seen });
        self.scanned = None;
    }

    /// Lets the next loader look anew.
    pub fn invalidate(&mut self) {
        self.scanned = None;
    }

    /// Puts what is missing of these frames before everything else, without a look at all the rest.
    pub fn demand(&mut self, file: &Arc<StreamFile>, start: i64, len: usize) {
        let (_, from, count) = overlap(start, len, file.pcm.frames);
        for_pages(from, count, file.page_frames, |page, _, _| {
            if file.entry(page) == Entry::Absent {
                self.queue.push(Request { file: Arc::clone(file), page, urgency: DEMAND });
            }
        });
    }

    /// The most urgent thing to load, with a page for it. `None`: nothing to do before the next look.
    pub fn next_job<'a>(&mut self, pool: &'a PagePool, poll: Duration, now: Instant) -> Option<Job<'a>> {
        if self.scanned.is_none_or(|scanned| now.duration_since(scanned) >= poll) {
            self.look(pool, now);
        }
        while let Some(request) = self.queue.pop() {
            // Another thread may have begun it, or a second source of the file wanted it, too.
            let is_new = !self.is_loading(&request.file, request.page)
                && !matches!(request.file.entry(request.page), Entry::Loaded(_));
            if !is_new {
                continue;
            }
            let Some((slot, filler)) = self.take_slot(pool, request.urgency) else {
                self.queue.clear();
                return None;
            };
            if let Some(slot) = self.slots.get_mut(slot) {
                slot.owner = Some((Arc::clone(&request.file), request.page));
                (slot.scan, slot.urgency) = (self.scan, request.urgency);
            }
            self.loading.push(slot);
            return Some(Job { request, filler, slot });
        }
        None
    }

    fn is_loading(&self, file: &Arc<StreamFile>, page: usize) -> bool {
        self.loading
            .iter()
            .filter_map(|&slot| self.slots.get(slot)?.owner.as_ref())
            .any(|(owner, number)| Arc::ptr_eq(owner, file) && *number == page)
    }

    /// The job is done: readers may find the page. `true` when the file had failed before and is readable again.
    pub fn loaded(&mut self, job: Job<'_>) -> bool {
        let Job { request, filler, slot } = job;
        request.file.set(request.page, Entry::Loaded(filler.publish()));
        self.loading.retain(|&loading| loading != slot);
        let is_back = self.retry.remove(&key(&request.file, request.page)).is_some();
        if is_back {
            // Its other pages are worth a try at once.
            let file = address(&request.file);
            self.retry.retain(|&(other, _), _| other != file);
        }
        is_back
    }

    /// The job failed: its page is free again, and it is tried again later. `true` when the file had not failed before.
    pub fn failed(&mut self, job: Job<'_>, now: Instant) -> bool {
        let Job { request, filler, slot } = job;
        drop(filler);
        self.loading.retain(|&loading| loading != slot);
        request.file.set(request.page, Entry::Failed);
        let file = address(&request.file);
        let is_first = !self.retry.keys().any(|&(other, _)| other == file);
        self.retry.insert(key(&request.file, request.page), now + RETRY);
        if let Some(entry) = self.slots.get_mut(slot) {
            *entry = Slot::default();
        }
        self.free.push(slot);
        is_first
    }

    /// Looks where all sources are and lists what is missing.
    fn look(&mut self, pool: &PagePool, now: Instant) {
        self.scan += 1;
        self.scanned = Some(now);
        self.victims = None;
        self.queue.clear();
        let before = self.sources.len();
        self.sources.retain(|source| source.open().is_some());
        if self.sources.len() < before {
            self.forget_closed_files(pool);
        }
        let mut sources = std::mem::take(&mut self.sources);
        for source in &mut sources {
            let Some(shared) = source.open() else { continue };
            let file = &shared.file;
            let geometry = Geometry {
                frames: file.pcm.frames,
                page_frames: as_frames(file.page_frames.get()),
                rate: f64::from(file.pcm.rate),
            };
            for spot in source.spots(&shared, now) {
                wants(spot, self.windows, geometry, |page, urgency| self.want(file, page, urgency, now));
            }
        }
        self.sources = sources;
        self.queue.sort_unstable_by(|a, b| b.urgency.total_cmp(&a.urgency));
    }

    /// Notes that a page is wanted: keeps it when it is there, requests it when it is not.
    fn want(&mut self, file: &Arc<StreamFile>, page: usize, urgency: f64, now: Instant) {
        match file.entry(page) {
            Entry::Loaded(id) => {
                if let Some(slot) = self.slots.get_mut(id.index()) {
                    let urgency = if slot.scan == self.scan { urgency.min(slot.urgency) } else { urgency };
                    (slot.scan, slot.urgency) = (self.scan, urgency);
                }
            }
            Entry::Failed if self.retry.get(&key(file, page)).is_some_and(|&at| at > now) => {}
            Entry::Failed | Entry::Absent => {
                self.queue.push(Request { file: Arc::clone(file), page, urgency });
            }
        }
    }

    /// A free page, or the one that is wanted least, if that is later than `urgency`.
    fn take_slot<'a>(&mut self, pool: &'a PagePool, urgency: f64) -> Option<(usize, PageFiller<'a>)> {
        // A free page may still have a reader in it that came too late: then another one will do.
        for at in (0..self.free.len()).rev() {
            if let Some(filler) = self.free.get(at).and_then(|&slot| pool.claim(slot)) {
                return Some((self.free.swap_remove(at), filler));
            }
        }
        if self.victims.as_ref().is_none_or(Vec::is_empty) {
            self.victims = Some(self.rank_victims());
        }
        while let Some(slot) = self.victims.as_mut().and_then(Vec::pop) {
            if self.loading.contains(&slot) {
                continue;
            }
            let entry = self.slots.get_mut(slot)?;
            if entry.scan == self.scan && entry.urgency < urgency + MARGIN {
                // The rest is wanted even sooner.
                self.victims.as_mut()?.push(slot);
                return None;
            }
            // `None`: the audio thread is in it.
            let Some(filler) = pool.claim(slot) else { continue };
            if let Some((file, page)) = entry.owner.take() {
                file.set(page, Entry::Absent);
            }
            self.evicted += 1;
            return Some((slot, filler));
        }
        None
    }

    /// The slots that are wanted least, the very least last: what is unwanted for long, then what is wanted late.
    fn rank_victims(&self) -> Vec<usize> {
        let rank = |&slot: &usize| match self.slots.get(slot) {
            Some(slot) if slot.scan == self.scan => slot.urgency,
            Some(slot) => 1e9 + (self.scan - slot.scan) as f64,
            None => 0.0,
        };
        let mut ranked: Vec<usize> = (0..self.slots.len()).collect();
        let most = ranked.len().saturating_sub(VICTIMS);
        if most > 0 {
            ranked.select_nth_unstable_by(most, |a, b| rank(a).total_cmp(&rank(b)));
        }
        let mut least = ranked.split_off(most);
        least.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        least
    }

    /// Gives back the pages of files that no source has open any more.
    fn forget_closed_files(&mut self, pool: &PagePool) {
        self.files.retain(|_, file| file.strong_count() > 0);
        let open: Vec<_> = self.sources.iter().filter_map(Source::open).collect();
        let is_open = |file: &Arc<StreamFile>| open.iter().any(|source| Arc::ptr_eq(&source.file, file));
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let is_closed =
                !self.loading.contains(&index) && slot.owner.as_ref().is_some_and(|(file, _)| !is_open(file));
            if is_closed && let Some(filler) = pool.claim(index) {
                drop(filler);
                if let Some((file, page)) = slot.owner.take() {
                    file.set(page, Entry::Absent);
                }
                *slot = Slot::default();
                self.free.push(index);
            }
        }
        self.retry.retain(|&(file, _), _| open.iter().any(|source| address(&source.file) == file));
    }
}

impl Source {
    /// What it shares, unless it was dropped.
    fn open(&self) -> Option<Arc<SourceShared>> {
        self.shared.upgrade().filter(|shared| !shared.closed.load(Ordering::Relaxed))
    }

    /// Where this source is, was and may be read.
    fn spots(&mut self, shared: &SourceShared, now: Instant) -> Vec<Spot> {
        let mut spots = Vec::with_capacity(CURSORS + shared.hints.len() + 1);
        let demand = shared.demand.load(Ordering::Relaxed);
        if demand != NOWHERE {
            spots.push(Spot::Demand { frame: demand, len: shared.demand_len.load(Ordering::Relaxed) });
        }
        for ((frame, stamp), seen) in shared.frames.iter().zip(&shared.stamps).zip(&mut self.seen) {
            let (stamp, frame) = (stamp.load(Ordering::Relaxed), frame.load(Ordering::Relaxed));
            if stamp == 0 {
                continue;
            }
            if stamp != seen.0 {
                *seen = (stamp, now);
            }
            let backwards = stamp & 1 == 1;
            spots.push(if now.duration_since(seen.1) < IDLE_AFTER {
                Spot::Playing { frame, backwards }
            } else {
                Spot::Idle { frame, backwards }
            });
        }
        for hint in &shared.hints {
            let frame = hint.load(Ordering::Relaxed);
            if frame != NOWHERE {
                spots.push(Spot::Idle { frame, backwards: false });
            }
        }
        spots
    }
}

/// A page's name while its file is open.
fn key(file: &Arc<StreamFile>, page: usize) -> (usize, usize) {
    (address(file), page)
}

fn address(file: &Arc<StreamFile>) -> usize {
    Arc::as_ptr(file).addr()
}
