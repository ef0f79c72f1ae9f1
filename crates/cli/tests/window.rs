//! The real window, on a screen in memory, with real keys and a real pointer.
#![cfg(feature = "window")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program.
const OMEGA: &str = env!("CARGO_BIN_EXE_omega");
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A screen of its own, with a number that no other has.
struct Screen {
    display: String,
    _server: Running,
}

impl Screen {
    fn open() -> Option<Self> {
        for program in ["Xvfb", "xdotool"] {
            let found = std::env::var_os("PATH").is_some_and(|path| {
                std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
            });
            if !found {
                println!("SKIPPED: {program} is not installed (cargo xtask setup)");
                return None;
            }
        }
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts");
        let mut number = String::new();
        let told = server.stdout.take().expect("its output is ours");
        BufReader::new(told).read_line(&mut number).expect("it says its number");
        let server = Running(server);
        assert!(!number.trim().is_empty(), "Xvfb ended without a screen");
        Some(Self { display: format!(":{}", number.trim()), _server: server })
    }

    fn xdotool(&self, args: &[&str]) -> Option<String> {
        let done =
            Command::new("xdotool").args(args).env("DISPLAY", &self.display).output().expect("xdotool runs");
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }
}

/// Waits until something is there.
fn await_it<T>(what: &str, window: &mut Running, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if let Some(status) = window.0.try_wait().expect("it can be asked") {
            panic!("the window closed with {status} before {what}");
        }
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        // Between two looks, so that looking is not all that the machine does.
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How many clips the session on disk has.
fn clips(session: &str) -> Option<usize> {
    let info = Command::new(OMEGA).args(["-q", "info", session, "--json"]).output().ok()?;
    let json: serde_json::Value = serde_json::from_slice(&info.stdout).ok()?;
    usize::try_from(json["counts"]["clips"].as_u64()?).ok()
}

#[test]
fn keys_and_the_pointer_edit_the_session_through_the_real_window() {
    let Some(screen) = Screen::open() else { return };
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("Demo.omega").display().to_string();
    assert!(Command::new(OMEGA).args(["-q", "demo", &session]).status().unwrap().success());
    let shot = folder.path().join("shot.png");
    let drawn = Command::new(OMEGA).args(["-q", "screenshot", &session, "-o"]).arg(&shot).output().unwrap();
    if !drawn.status.success() {
        println!("SKIPPED: {}", String::from_utf8_lossy(&drawn.stderr));
        return;
    }
    let all = clips(&session).expect("the demo has clips");
    let window = Command::new(OMEGA)
        .args(["open", &session, "--backend", "timer"])
        .env("DISPLAY", &screen.display)
        .env_remove("WAYLAND_DISPLAY")
        .spawn()
        .unwrap();
    let mut window = Running(window);
    let id = await_it("a window", &mut window, || {
        screen.xdotool(&["search", "--onlyvisible", "--name", "OmegaStudio"])
    });
    let id = id.lines().next().unwrap().to_owned();
    // What is typed before the first frame is lost, so it is typed until it is heard.
    await_it("all clips removed by Ctrl+A and Delete", &mut window, || {
        screen.xdotool(&["windowfocus", &id]);
        screen.xdotool(&["key", "ctrl+a"]);
        screen.xdotool(&["key", "Delete"]);
        (clips(&session)? == 0).then_some(())
    });
    screen.xdotool(&["key", "ctrl+z"]);
    await_it("undo by Ctrl+Z", &mut window, || (clips(&session)? == all).then_some(()));
    // The first track's mute, by the pointer: a known place in the picture that tests/pictures shows.
    let muted = || {
        let info = Command::new(OMEGA).args(["-q", "info", &session, "--json"]).output().ok()?;
        let json: serde_json::Value = serde_json::from_slice(&info.stdout).ok()?;
        json["project"]["tracks"]["kick"]["mute"].as_bool().filter(|on| *on).map(drop)
    };
    screen.xdotool(&["mousemove", "--window", &id, "23", "148", "click", "1"]);
    await_it("mute by a click", &mut window, muted);
}

#[test]
fn without_a_screen_the_window_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("Demo.omega").display().to_string();
    assert!(Command::new(OMEGA).args(["-q", "demo", &session]).status().unwrap().success());
    let done = Command::new(OMEGA).args(["open", &session]).env_remove("DISPLAY").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("DISPLAY is not set"), "{said}");
}
