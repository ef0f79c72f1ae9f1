//! Every sound file of Debian's `sonic-pi-samples` and `hydrogen-data` packages decodes.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test values are small and known"
)]

mod common;

use std::path::Path;

#[test]
fn debian_samples_all_decode() {
    let mut total = 0;
    for dir in ["/usr/share/sonic-pi/samples", "/usr/share/hydrogen/data"] {
        let mut files = Vec::new();
        common::collect_sounds(Path::new(dir), &mut files);
        if files.is_empty() {
            eprintln!("SKIPPED: {dir} holds no sound files; install sonic-pi-samples and hydrogen-data");
            continue;
        }
        for path in files {
            let mut file = omega_media::open(&path).unwrap_or_else(|error| panic!("{error}"));
            let frames = file.info().frames.expect("these all say how long they are");
            let mut buffer = vec![vec![0.0_f32; 65_536]; file.info().channels];
            loop {
                let got = file.read_block(&mut buffer).unwrap_or_else(|error| panic!("{error}"));
                if got == 0 {
                    break;
                }
                assert!(buffer.iter().all(|c| c[..got].iter().all(|s| s.abs() <= 1.0)), "{}", path.display());
            }
            assert_eq!(file.position(), frames, "{}", path.display());
            total += 1;
        }
    }
    eprintln!("{total} files decoded");
}
