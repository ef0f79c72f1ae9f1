//! Drawing without a window: the same frames, into memory.

use std::path::Path;
use std::sync::mpsc;

use egui::{Context, FullOutput, RawInput, Rect, vec2};
use egui_wgpu::{RenderState, RendererOptions, ScreenDescriptor, WgpuConfiguration, WgpuSetup, wgpu};

use crate::graphics;
use crate::waves;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Nothing can draw.
    #[error(
        "nothing can draw here: {0}. A driver for Vulkan is needed; mesa-vulkan-drivers has one that needs no graphics card"
    )]
    Graphics(String),
    /// A size that cannot be.
    #[error("a picture of {0} × {1} pixels cannot be drawn: 64 to 8192 each way")]
    Size(u32, u32),
    /// What was drawn did not come back.
    #[error("what was drawn cannot be read back: {0}")]
    Read(String),
    /// The file was not written.
    #[error("cannot write '{path}': {why}")]
    Write {
        /// Which file.
        path: String,
        /// What went wrong.
        why: String,
    },
}

/// A picture: rows from top to bottom, four bytes a pixel (red, green, blue, opaque).
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The pixels.
    pub rgba: Vec<u8>,
}

impl Picture {
    /// Writes a PNG file.
    ///
    /// # Errors
    /// [`PictureError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), PictureError> {
        let failed = |why: String| PictureError::Write { path: path.display().to_string(), why };
        let file = std::fs::File::create(path).map_err(|why| failed(why.to_string()))?;
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), self.width, self.height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().map_err(|why| failed(why.to_string()))?;
        writer.write_image_data(&self.rgba).map_err(|why| failed(why.to_string()))?;
        writer.finish().map_err(|why| failed(why.to_string()))
    }
}

/// A renderer that draws into memory.
pub struct Offscreen {
    state: RenderState,
}

impl Offscreen {
    /// Finds a driver for Vulkan, a software one too.
    ///
    /// # Errors
    /// [`PictureError::Graphics`].
    pub fn new() -> Result<Self, PictureError> {
        let setup = WgpuSetup::CreateNew(graphics::setup());
        let instance = pollster::block_on(setup.new_instance());
        let config = WgpuConfiguration { wgpu_setup: setup, ..WgpuConfiguration::default() };
        let state = RenderState::create(&config, &instance, None, RendererOptions::PREDICTABLE);
        let state = pollster::block_on(state).map_err(|why| PictureError::Graphics(why.to_string()))?;
        let backend = state.adapter.get_info().backend;
        if backend != wgpu::Backend::Vulkan {
            return Err(PictureError::Graphics(format!("{backend} is no Vulkan")));
        }
        waves::install(&state);
        Ok(Self { state })
    }

    /// What draws, for people: "llvmpipe (LLVM 15.0.6, 256 bits)".
    #[must_use]
    pub fn name(&self) -> String {
        self.state.adapter.get_info().name
    }

    /// Takes textures that a frame brought along.
    pub fn take_textures(&self, output: &mut FullOutput) {
        let (device, queue) = (&self.state.device, &self.state.queue);
        let mut renderer = self.state.renderer.write();
        for (id, images) in output.textures_delta.set.drain() {
            for image in images {
                renderer.update_texture(device, queue, id, &image);
            }
        }
        for id in output.textures_delta.free.drain() {
            renderer.free_texture(&id);
        }
    }

    /// Draws a frame whose textures were taken.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn draw(&self, ctx: &Context, output: FullOutput, size: [u32; 2]) -> Result<Picture, PictureError> {
        let [width, height] = size;
        if !size.iter().all(|n| (64..=8192).contains(n)) {
            return Err(PictureError::Size(width, height));
        }
        let (device, queue) = (&self.state.device, &self.state.queue);
        let mut renderer = self.state.renderer.write();
        let screen = ScreenDescriptor { pixels_per_point: output.pixels_per_point, size_in_pixels: size };
        let jobs = ctx.tessellate(output.shapes, output.pixels_per_point);
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("picture") });
        let extra = renderer.update_buffers(device, queue, &mut encoder, &jobs, &screen);
        let target = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: self.state.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let seen = target.create_view(&wgpu::TextureViewDescriptor::default());
        let attachment = wgpu::RenderPassColorAttachment {
            view: &seen,
            resolve_target: None,
            ops: wgpu::Operations {
                load: wgpu::LoadOp::Clear(wgpu::Color::BLACK),
                store: wgpu::StoreOp::Store,
            },
            depth_slice: None,
        };
        let mut pass = encoder
            .begin_render_pass(&wgpu::RenderPassDescriptor {
                label: Some("picture"),
                color_attachments: &[Some(attachment)],
                ..Default::default()
            })
            .forget_lifetime();
        renderer.render(&mut pass, &jobs, &screen);
        drop(pass);
        queue.submit(extra.into_iter().chain([encoder.finish()]));
        self.read(&target, size)
    }

    fn read(&self, target: &wgpu::Texture, [width, height]: [u32; 2]) -> Result<Picture, PictureError> {
        let (device, queue) = (&self.state.device, &self.state.queue);
        // A row in the buffer is a multiple of 256 bytes.
        let stride = (width * 4).next_multiple_of(256);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture"),
            size: u64::from(stride) * u64::from(height),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout =
            wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(stride), rows_per_image: None };
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("read") });
        encoder.copy_texture_to_buffer(
            target.as_image_copy(),
            wgpu::TexelCopyBufferInfo { buffer: &buffer, layout },
            wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        );
        queue.submit([encoder.finish()]);
        let (told, hears) = mpsc::channel();
        buffer.slice(..).map_async(wgpu::MapMode::Read, move |done| drop(told.send(done)));
        let failed = |why: String| PictureError::Read(why);
        device
            .poll(wgpu::PollType::Wait { submission_index: None, timeout: None })
            .map_err(|why| failed(why.to_string()))?;
        hears.recv().map_err(|why| failed(why.to_string()))?.map_err(|why| failed(why.to_string()))?;
        let bytes = buffer.slice(..).get_mapped_range().map_err(|why| failed(why.to_string()))?;
        let row = width as usize * 4;
        let mut rgba: Vec<u8> =
            bytes.chunks_exact(stride as usize).flat_map(|line| line.iter().take(row)).copied().collect();
        let swapped = matches!(
            self.state.target_format,
            wgpu::TextureFormat::Bgra8Unorm | wgpu::TextureFormat::Bgra8UnormSrgb
        );
        for pixel in rgba.chunks_exact_mut(4) {
            if swapped {
                pixel.swap(0, 2);
            }
            if let Some(alpha) = pixel.get_mut(3) {
                *alpha = 255;
            }
        }
        Ok(Picture { width, height, rgba })
    }
}

/// The input of a frame without anything happening: a screen of `size` pixels, `scale` of them a point, at `time` seconds.
#[must_use]
pub fn still(size: [u32; 2], scale: f32, time: f64) -> RawInput {
    let [width, height] = size.map(|n| n as f32 / scale);
    let mut input = RawInput {
        screen_rect: Some(Rect::from_min_size(egui::Pos2::ZERO, vec2(width, height))),
        time: Some(time),
        focused: true,
        ..RawInput::default()
    };
    input.viewports.entry(egui::ViewportId::ROOT).or_default().native_pixels_per_point = Some(scale);
    input
}
