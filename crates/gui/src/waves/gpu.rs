//! The pipeline that draws waveforms, and the memory of the tiles on the GPU.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use egui::{PaintCallbackInfo, Rect, Shape};
use egui_wgpu::{CallbackResources, CallbackTrait, RenderState, ScreenDescriptor, wgpu};
use omega_studio::{TILE_ENTRIES, TILE_OVERLAP};

/// Entries of a tile, as the shader knows them.
pub const SLOT: usize = TILE_ENTRIES + TILE_OVERLAP;
/// Channels of tiles that are kept: 8.5 MB.
pub const SLOTS: usize = 2048;
/// Words of an instance; see `Strip` in the shader.
const WORDS: usize = 12;

/// One channel of a tile, on its way into a slot.
pub struct Upload {
    /// Which slot.
    pub slot: u32,
    /// Its entries.
    pub entries: Vec<u32>,
}

/// What waits for the GPU. It is filled by those who draw, and emptied by the next frame that is really drawn.
pub type Uploads = Arc<Mutex<Vec<Upload>>>;

/// A stretch of one channel, in physical pixels of the canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strip {
    /// Left edge.
    pub x: f32,
    /// The line of silence.
    pub y: f32,
    /// Pixel columns.
    pub columns: u32,
    /// Pixels of full scale, times the gain.
    pub height: f32,
    /// Pixels above and below the line that may be drawn on.
    pub room: f32,
    /// The entry at the left edge, within the tile.
    pub first: f32,
    /// Entries per column; negative for one that plays backwards.
    pub step: f32,
    /// The slot of the tile.
    pub slot: u32,
    /// An entry is a sample.
    pub samples: bool,
    /// Opaque, gamma space.
    pub colour: egui::Color32,
}

impl Strip {
    fn words(&self) -> [u32; WORDS] {
        let slot = u32::try_from(SLOT).unwrap_or(0) * self.slot;
        let colour = self.colour.to_normalized_gamma_f32().map(f32::to_bits);
        let number = f32::to_bits;
        [
            number(self.x),
            number(self.y),
            number(self.height),
            number(self.room),
            number(self.first),
            number(self.step),
            slot,
            u32::from(self.samples),
            colour[0],
            colour[1],
            colour[2],
            colour[3],
        ]
    }
}

/// What stays on the GPU from frame to frame.
struct Gpu {
    pipeline: wgpu::RenderPipeline,
    bound: wgpu::BindGroup,
    view: wgpu::Buffer,
    tiles: wgpu::Buffer,
    strips: wgpu::Buffer,
}

/// Puts the pipeline where the callbacks find it. Once for each renderer.
pub fn install(state: &RenderState) {
    let gpu = Gpu::new(&state.device, state.target_format);
    state.renderer.write().callback_resources.insert(gpu);
}

impl Gpu {
    fn new(device: &wgpu::Device, target: wgpu::TextureFormat) -> Self {
        let buffer = |label, size: usize, usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: size as u64,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let view = buffer("canvas", 16, wgpu::BufferUsages::UNIFORM);
        let tiles = buffer("tiles", SLOTS * SLOT * 4, wgpu::BufferUsages::STORAGE);
        let strips = buffer("strips", 4096 * WORDS * 4, wgpu::BufferUsages::VERTEX);
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::VERTEX,
            ty: wgpu::BindingType::Buffer {
                ty,
                has_dynamic_offset: false,
                min_binding_size: NonZeroU64::new(16),
            },
            count: None,
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("waves"),
            entries: &[
                entry(0, wgpu::BufferBindingType::Uniform),
                entry(1, wgpu::BufferBindingType::Storage { read_only: true }),
            ],
        });
        let bound = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("waves"),
            layout: &layout,
            entries: &[
                wgpu::BindGroupEntry { binding: 0, resource: view.as_entire_binding() },
                wgpu::BindGroupEntry { binding: 1, resource: tiles.as_entire_binding() },
            ],
        });
        let pipeline = pipeline(device, &layout, target);
        Self { pipeline, bound, view, tiles, strips }
    }
}

fn pipeline(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    target: wgpu::TextureFormat,
) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some("waves"),
        source: wgpu::ShaderSource::Wgsl(include_str!("wave.wgsl").into()),
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("waves"),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    let attributes = wgpu::vertex_attr_array![
        0 => Float32x2, 1 => Float32, 2 => Float32, 3 => Float32x2, 4 => Uint32x2, 5 => Float32x4
    ];
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("waves"),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("column"),
            buffers: &[Some(wgpu::VertexBufferLayout {
                array_stride: WORDS as u64 * 4,
                step_mode: wgpu::VertexStepMode::Instance,
                attributes: &attributes,
            })],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("shade"),
            targets: &[Some(wgpu::ColorTargetState {
                format: target,
                blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
                write_mask: wgpu::ColorWrites::ALL,
            })],
            compilation_options: wgpu::PipelineCompilationOptions::default(),
        }),
        multiview_mask: None,
        cache: None,
    })
}

/// The waveforms of one frame.
struct Frame {
    uploads: Uploads,
    strips: Vec<Strip>,
    /// Points.
    size: egui::Vec2,
}

/// A shape that draws strips on the canvas that is at `rect`.
pub fn shape(rect: Rect, uploads: &Uploads, strips: Vec<Strip>) -> Shape {
    let frame = Frame { uploads: Arc::clone(uploads), strips, size: rect.size() };
    egui_wgpu::Callback::new_paint_callback(rect, frame).into()
}

impl CallbackTrait for Frame {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        let Some(gpu) = resources.get_mut::<Gpu>() else { return Vec::new() };
        let uploads = std::mem::take(&mut *self.uploads.lock().unwrap_or_else(PoisonError::into_inner));
        for Upload { slot, entries } in uploads {
            queue.write_buffer(&gpu.tiles, u64::from(slot) * SLOT as u64 * 4, bytemuck::cast_slice(&entries));
        }
        let words: Vec<[u32; WORDS]> = self.strips.iter().map(Strip::words).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        if bytes.len() as u64 > gpu.strips.size() {
            gpu.strips = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("strips"),
                size: (bytes.len() as u64).next_power_of_two(),
                usage: wgpu::BufferUsages::VERTEX | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
        }
        queue.write_buffer(&gpu.strips, 0, bytes);
        let size = (self.size * screen.pixels_per_point).round();
        queue.write_buffer(&gpu.view, 0, bytemuck::cast_slice(&[size.x, size.y, 0.0, 0.0]));
        Vec::new()
    }

    fn paint(
        &self,
        _info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let Some(gpu) = resources.get::<Gpu>() else { return };
        pass.set_pipeline(&gpu.pipeline);
        pass.set_bind_group(0, &gpu.bound, &[]);
        pass.set_vertex_buffer(0, gpu.strips.slice(..));
        for (n, strip) in (0_u32..).zip(&self.strips) {
            pass.draw(0..strip.columns * 6, n..n + 1);
        }
    }
}
