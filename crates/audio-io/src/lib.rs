//! Audio hardware behind one backend trait: JACK, a paced timer, a virtual clock.
