//! Which graphics are used: Vulkan, by a card where there is one, by software elsewhere.

use egui_wgpu::{WgpuSetupCreateNew, wgpu};

/// How the window and pictures find what draws.
#[must_use]
pub fn setup() -> WgpuSetupCreateNew {
    let mut setup = WgpuSetupCreateNew::without_display_handle();
    setup.instance_descriptor.backends = wgpu::Backends::VULKAN;
    setup
}
