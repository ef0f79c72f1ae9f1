//! Fixed blocks out of varying ones.

use std::sync::{Arc, Mutex};

use omega_audio_io::{
    AudioCallback, Backend, BlockSizes, IoBlock, IoFlags, MAX_PERIOD, Reblock, StreamConfig, VirtualClock,
    open,
};
use omega_rt::guard::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

type Seen = Arc<Mutex<Vec<(usize, i64, IoFlags)>>>;

/// Output 0 is input 0 plus the input's running sum; notes every block.
fn summing(seen: &Seen) -> Box<dyn AudioCallback> {
    let seen = Arc::clone(seen);
    let mut sum = 0.0_f32;
    Box::new(move |io: &mut IoBlock<'_>| {
        seen.lock().unwrap().push((io.frames, io.time.frame, io.flags));
        let silence = [0.0; MAX_PERIOD];
        let input = io.inputs.first().copied().unwrap_or(&silence);
        for (output, input) in io.outputs[0].iter_mut().zip(input) {
            sum += 1.0 + input;
            *output = sum;
        }
    })
}

fn run(
    callback: Box<dyn AudioCallback>,
    rule: BlockSizes,
    inputs: usize,
    input: &[f32],
    frames: usize,
) -> Vec<f32> {
    let clock = VirtualClock::new();
    clock.set_blocks(rule);
    let backend = Backend::Virtual(clock.clone());
    let config = StreamConfig { backend, inputs, outputs: 1, ..StreamConfig::default() };
    let stream = open(&config, callback).expect("a virtual clock opens");
    clock.capture();
    clock.feed(vec![input.to_vec()]);
    clock.run_frames(frames);
    assert_eq!(stream.stats().frames, i64::try_from(frames).unwrap());
    clock.captured().remove(0)
}

fn rules() -> Vec<BlockSizes> {
    vec![
        BlockSizes::Fixed(1),
        BlockSizes::Fixed(64),
        BlockSizes::Fixed(MAX_PERIOD),
        BlockSizes::Cycle(vec![264, 512, 1, 300]),
        BlockSizes::Random { seed: 3, max: 700 },
        BlockSizes::Random { seed: 4, max: 5 },
    ]
}

#[test]
fn output_is_the_unblocked_output_delayed_by_the_reported_latency() {
    const FRAMES: usize = 20_000;
    let input: Vec<f32> = (0..FRAMES).map(|n| f32::from(u8::try_from(n * 7 % 251).unwrap())).collect();
    for block in [1, 3, 64, 256, 1000] {
        for inputs in [0, 1] {
            let plain = run(summing(&Seen::default()), BlockSizes::Fixed(block), inputs, &input, FRAMES);
            for rule in rules() {
                let seen = Seen::default();
                let reblock = Reblock::new(summing(&seen), block, inputs, 1);
                let latency = usize::try_from(reblock.latency()).unwrap();
                assert_eq!(latency, if inputs == 0 { 0 } else { block });
                let played = run(Box::new(reblock), rule.clone(), inputs, &input, FRAMES);
                assert!(played[..latency].iter().all(|x| *x == 0.0));
                assert_eq!(played[latency..], plain[..FRAMES - latency], "block {block}, {rule:?}");
                let blocks = seen.lock().unwrap();
                assert!(blocks.len() >= FRAMES / block);
                for (number, (frames, first, flags)) in (0_i64..).zip(blocks.iter()) {
                    assert_eq!((*frames, *first), (block, number * i64::try_from(block).unwrap()));
                    assert_eq!(*flags, IoFlags::default());
                }
            }
        }
    }
}

#[test]
fn what_the_hardware_tells_arrives_once_with_the_next_block() {
    let clock = VirtualClock::new();
    clock.set_blocks(BlockSizes::Fixed(60));
    let seen = Seen::default();
    let backend = Backend::Virtual(clock.clone());
    let config = StreamConfig { backend, inputs: 1, outputs: 1, ..StreamConfig::default() };
    let stream = open(&config, Box::new(Reblock::new(summing(&seen), 100, 1, 1))).expect("it opens");
    clock.run(1);
    clock.lose(30);
    clock.run(1);
    clock.set_freewheel(true);
    clock.run(4);
    let told: Vec<_> = seen.lock().unwrap().iter().map(|(_, frame, flags)| (*frame, *flags)).collect();
    let gap = IoFlags { xrun: true, freewheel: false, lost: 30 };
    let wheel = IoFlags { freewheel: true, ..IoFlags::default() };
    // The second block begins after 100 frames that were heard and 30 that were not.
    assert_eq!(told, [(0, gap), (130, wheel), (230, wheel)]);
    assert!(stream.stop().is_some());
}

#[test]
fn the_steady_state_allocates_nothing_and_the_inner_callback_comes_back() {
    let clock = VirtualClock::new();
    clock.set_blocks(BlockSizes::Random { seed: 9, max: 300 });
    let config = StreamConfig { backend: Backend::Virtual(clock.clone()), ..StreamConfig::default() };
    let inner = |io: &mut IoBlock<'_>| io.outputs[1].copy_from_slice(io.inputs[0]);
    let stream = open(&config, Box::new(Reblock::new(Box::new(inner), 128, 2, 2))).expect("it opens");
    clock.run(500);
    assert!(stream.stats().violations.is_clean(), "{:?}", stream.stats().violations);
    let home: Box<dyn std::any::Any> = stream.stop().expect("it comes home");
    let mut inner = home.downcast::<Reblock>().expect("as it went").into_inner();
    let (input, mut output) = ([1.0_f32; 4], [[0.0_f32; 4]; 2]);
    let [left, right] = &mut output;
    let (time, flags) = (omega_audio_io::HardwareTime::default(), IoFlags::default());
    inner.process(&mut IoBlock {
        inputs: &[&input],
        outputs: &mut [left, right],
        midi: &[],
        frames: 4,
        time,
        rate: 1,
        flags,
    });
    assert_eq!(output, [[0.0; 4], [1.0; 4]]);
}
