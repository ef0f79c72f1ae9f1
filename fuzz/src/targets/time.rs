//! Times, tempos and time signatures as people type them and as sessions store them.

use omega_time::{SampleRate, Tempo, TempoMap, Ticks, TimePoint, TimeSignature};

use super::Target;

/// See the module.
pub const TEXT: Target =
    Target { name: "time-text", about: "times, tempos and time signatures as text", seeds, feed };

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "5|3|0",
        "-2|1|40320",
        "1:02.5",
        "12:34:56.789012345678901234",
        "12.5s",
        "48000f",
        "960t",
        "120",
        "119.98",
        "7/8",
        "4/4",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn feed(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let map = TempoMap::constant(SampleRate::HZ_48000, Tempo::DEFAULT, TimeSignature::COMMON);
    if let Ok(TimePoint::Musical(ticks)) = map.parse_point(&text) {
        assert_eq!(map.bbt_to_tick(map.to_bbt(ticks)), Ok(ticks), "what was read must have a place in bars");
    }
    // Any length from any start either fits on the time line or is refused.
    let _ = map.parse_length(&text, Ticks(i64::from(bytes.first().copied().unwrap_or(0)) << 38));
    if let Ok(tempo) = text.parse::<Tempo>() {
        assert_eq!(tempo.to_string().parse::<Tempo>(), Ok(tempo), "a tempo that is written must read back");
    }
    if let Ok(signature) = text.parse::<TimeSignature>() {
        assert_eq!(signature.to_string().parse::<TimeSignature>(), Ok(signature), "so must a time signature");
    }
}
