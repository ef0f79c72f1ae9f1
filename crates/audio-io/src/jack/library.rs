//! The JACK library, loaded when it is first needed: opening a client on a server of one's choice, and catching what
//! the library would otherwise print.
#![allow(unsafe_code, reason = "the jack crate cannot name a server, and takes C functions for messages")]

use std::ffi::{CStr, CString, c_char};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use jack::jack_sys;

use crate::config::{JackOptions, OpenError};

/// Held while a client is opened: messages then belong to that opening.
static OPENING: Mutex<()> = Mutex::new(());
static CATCHING: AtomicBool = AtomicBool::new(false);
static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How long a server may take to answer; one that hangs would otherwise hang us.
const PATIENCE: Duration = Duration::from_secs(3);

/// Opens a client. Not for the audio thread.
pub(crate) fn open_client(name: &str, options: &JackOptions) -> Result<jack::Client, OpenError> {
    let failed = |reason: String| OpenError::Jack { what: "open a client".to_owned(), reason };
    let (sender, answer) = channel();
    let (name, options) = (name.to_owned(), options.clone());
    std::thread::Builder::new()
        .name("jack-open".to_owned())
        // If nobody waits any more the client is closed again.
        .spawn(move || drop(sender.send(try_open(&name, &options))))
        .map_err(|error| failed(error.to_string()))?;
    match answer.recv_timeout(PATIENCE) {
        Ok(opened) => opened,
        Err(_) => {
            Err(failed(format!("the server does not answer within {} s; restart it", PATIENCE.as_secs())))
        }
    }
}

fn try_open(name: &str, options: &JackOptions) -> Result<jack::Client, OpenError> {
    let _one_at_a_time = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    load()?;
    CATCHING.store(true, Relaxed);
    let opened = match &options.server {
        None => jack::Client::new(name, flags(options)),
        Some(server) => open_on(server, name, options),
    };
    CATCHING.store(false, Relaxed);
    let messages = std::mem::take(&mut *MESSAGES.lock().unwrap_or_else(PoisonError::into_inner));
    match opened {
        Ok((client, _)) => Ok(client),
        Err(jack::Error::LibraryError(reason)) => Err(OpenError::NoJackLibrary { reason }),
        Err(jack::Error::ClientError(status)) => Err(refusal(status, options, &messages)),
        Err(other) => Err(OpenError::Jack { what: "open a client".to_owned(), reason: other.to_string() }),
    }
}

fn flags(options: &JackOptions) -> jack::ClientOptions {
    if options.start_server { jack::ClientOptions::empty() } else { jack::ClientOptions::NO_START_SERVER }
}

fn refusal(status: jack::ClientStatus, options: &JackOptions, messages: &[String]) -> OpenError {
    let said = messages.iter().map(|m| m.trim()).find(|m| !m.is_empty()).map(str::to_owned);
    let no_server = jack::ClientStatus::SERVER_FAILED | jack::ClientStatus::SERVER_ERROR;
    if status.intersects(no_server) {
        let default = || std::env::var("JACK_DEFAULT_SERVER").ok().filter(|name| !name.is_empty());
        return OpenError::NoJackServer { name: options.server.clone().or_else(default), detail: said };
    }
    let flags: Vec<&str> = status.iter_names().map(|(name, _)| name).collect();
    let reason = said.map_or_else(|| flags.join(", "), |said| format!("{said} ({})", flags.join(", ")));
    OpenError::Jack { what: "open a client".to_owned(), reason }
}

/// Loads the library and takes over its messages.
fn load() -> Result<(), OpenError> {
    static SILENCE: Once = Once::new();
    if let Err(error) = jack_sys::library() {
        return Err(OpenError::NoJackLibrary { reason: error.to_string() });
    }
    SILENCE.call_once(|| jack::set_logger(jack::LoggerType::Custom { info: ignore, error: catch }));
    Ok(())
}

/// `jack_client_open` with `JackServerName`, which the jack crate has no means to pass.
fn open_on(
    server: &str,
    name: &str,
    options: &JackOptions,
) -> Result<(jack::Client, jack::ClientStatus), jack::Error> {
    type Open = unsafe extern "C" fn(*const c_char, u32, *mut u32, ...) -> *mut jack_sys::jack_client_t;
    let library = jack_sys::library().map_err(|error| jack::Error::LibraryError(error.to_string()))?;
    // SAFETY: the symbol is the C function of this very signature, JACK API `jack_client_open` in jack/jack.h.
    let open = unsafe { library.get::<Open>(b"jack_client_open\0") }
        .map_err(|error| jack::Error::LibraryError(error.to_string()))?;
    let no_nul = |_| jack::Error::ClientError(jack::ClientStatus::INVALID_OPTION);
    let (name, server) = (CString::new(name).map_err(no_nul)?, CString::new(server).map_err(no_nul)?);
    let bits = (flags(options) | jack::ClientOptions::SERVER_NAME).bits();
    let mut status = 0;
    // SAFETY: both strings end in NUL and outlive the call, which copies them; with JackServerName set the one variadic
    // argument is a string; `status` is a valid place for the answer.
    let client = unsafe { open(name.as_ptr(), bits, &raw mut status, server.as_ptr()) };
    let status = jack::ClientStatus::from_bits_truncate(status);
    if client.is_null() {
        return Err(jack::Error::ClientError(status));
    }
    // SAFETY: the pointer is a client that was just opened and belongs to nobody else; `Client` closes it.
    Ok((unsafe { jack::Client::from_raw(client) }, status))
}

unsafe extern "C" fn ignore(_: *const c_char) {}

/// Keeps a message while a client is being opened, drops it otherwise. May be called on any thread, the audio thread
/// too, where nothing is being opened and it does nothing.
unsafe extern "C" fn catch(message: *const c_char) {
    if message.is_null() || !CATCHING.load(Relaxed) {
        return;
    }
    // SAFETY: not null, and the library passes a string that ends in NUL and lives for the call.
    let message = unsafe { CStr::from_ptr(message) };
    if let Ok(mut messages) = MESSAGES.try_lock()
        && messages.len() < 16
    {
        messages.push(message.to_string_lossy().into_owned());
    }
}
