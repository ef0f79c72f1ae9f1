//! Audio files in and out: decode, convert, stream, peak files, loudness.
