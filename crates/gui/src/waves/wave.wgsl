// Waveforms. An instance is a stretch of one channel whose picture lies in one tile; each of its pixel columns is a quad
// whose height the vertex shader reads from the tiles.

struct View {
    // Physical pixels of the canvas.
    size: vec2<f32>,
}

@group(0) @binding(0) var<uniform> view: View;
// Least and greatest sample of each entry, as two 16-bit numbers.
@group(0) @binding(1) var<storage, read> tiles: array<u32>;

struct Strip {
    // Left edge, and the line of silence, in physical pixels.
    @location(0) place: vec2<f32>,
    // Pixels of full scale, times the gain.
    @location(1) height: f32,
    // Pixels that may be drawn on, above and below the line.
    @location(2) room: f32,
    // Entry at the left edge, and entries per column: negative where the clip plays backwards.
    @location(3) entry: vec2<f32>,
    // Where the tile begins, and whether an entry is a sample.
    @location(4) tile: vec2<u32>,
    // Premultiplied, gamma space.
    @location(5) colour: vec4<f32>,
}

struct Point {
    @builtin(position) at: vec4<f32>,
    @location(0) y: f32,
    @location(1) @interpolate(flat) extent: vec2<f32>,
    @location(2) @interpolate(flat) colour: vec4<f32>,
}

const ENTRIES: i32 = 1040;

fn entry(tile: u32, index: i32) -> vec2<f32> {
    return unpack2x16snorm(tiles[tile + u32(clamp(index, 0, ENTRIES - 1))]);
}

// The line between two samples.
fn line(tile: u32, place: f32) -> f32 {
    let left = floor(place);
    return mix(entry(tile, i32(left)).x, entry(tile, i32(left) + 1).x, place - left);
}

fn extent(strip: Strip, column: f32) -> vec2<f32> {
    let a = strip.entry.x + strip.entry.y * column;
    let b = a + strip.entry.y;
    let first = min(a, b);
    let last = max(a, b);
    var low = 1e9;
    var high = -1e9;
    if strip.tile.y != 0u {
        let ends = vec2<f32>(line(strip.tile.x, first), line(strip.tile.x, last));
        low = min(ends.x, ends.y);
        high = max(ends.x, ends.y);
        for (var at = i32(ceil(first)); at <= i32(floor(last)); at++) {
            let sample = entry(strip.tile.x, at).x;
            low = min(low, sample);
            high = max(high, sample);
        }
    } else {
        for (var at = i32(floor(first)); at < max(i32(ceil(last)), i32(floor(first)) + 1); at++) {
            let one = entry(strip.tile.x, at);
            low = min(low, one.x);
            high = max(high, one.y);
        }
    }
    return vec2<f32>(low, high);
}

@vertex
fn column(@builtin(vertex_index) vertex: u32, strip: Strip) -> Point {
    let column = vertex / 6u;
    // Corners of two triangles.
    let right = (0x32u >> (vertex % 6u)) & 1u;
    let below = (0x2Cu >> (vertex % 6u)) & 1u;
    let peak = extent(strip, f32(column));
    // At least a pixel high, so that silence is a line.
    let top = clamp(strip.place.y - peak.y * strip.height, strip.place.y - strip.room, strip.place.y + strip.room) - 0.5;
    let bottom = clamp(strip.place.y - peak.x * strip.height, strip.place.y - strip.room, strip.place.y + strip.room) + 0.5;
    let x = strip.place.x + f32(column + right);
    let y = select(top - 1.0, bottom + 1.0, below == 1u);
    var out: Point;
    out.at = vec4<f32>(x / view.size.x * 2.0 - 1.0, 1.0 - y / view.size.y * 2.0, 0.0, 1.0);
    out.y = y;
    out.extent = vec2<f32>(top, bottom);
    out.colour = strip.colour;
    return out;
}

@fragment
fn shade(point: Point) -> @location(0) vec4<f32> {
    // How much of the pixel the column covers.
    let covered = clamp(point.y - point.extent.x + 0.5, 0.0, 1.0) * clamp(point.extent.y - point.y + 0.5, 0.0, 1.0);
    return point.colour * covered;
}
