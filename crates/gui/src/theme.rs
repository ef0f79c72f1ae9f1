//! The look of the chrome: fonts, sizes, and the toolkit's style from the palette.

use std::sync::Arc;

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke,
    Style, TextStyle, Visuals, vec2,
};

use crate::palette::{Palette, Theme, veil};

/// The steps of the spacing scale, in points.
pub mod space {
    /// Within a group.
    pub const XS: f32 = 4.0;
    /// Between groups.
    pub const S: f32 = 8.0;
    /// Between unlike things.
    pub const M: f32 = 12.0;
    /// Around a page.
    pub const L: f32 = 20.0;
}

/// Corners of what can be pressed, in points.
pub const CORNER: CornerRadius = CornerRadius::same(3);

/// Text in rows and fields.
pub const BODY: f32 = 12.5;
/// Text beside it.
pub const SMALL: f32 = 10.5;
/// What is read from afar.
pub const LARGE: f32 = 17.0;

/// A font of the window, in points.
#[must_use]
pub const fn font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Proportional)
}

/// The heavier one.
#[must_use]
pub fn strong(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name("medium".into()))
}

/// Gives a context the fonts, and the style of a theme.
pub fn apply(ctx: &Context, theme: Theme) {
    ctx.set_fonts(fonts());
    restyle(ctx, theme);
}

/// Gives a context the style of a theme.
pub fn restyle(ctx: &Context, theme: Theme) {
    let kind = match theme {
        Theme::Dark => egui::Theme::Dark,
        Theme::Light => egui::Theme::Light,
    };
    ctx.set_theme(kind);
    ctx.set_style_of(kind, style(theme));
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let files: [(&str, &'static [u8]); 2] = [
        ("regular", include_bytes!("../assets/Roboto-Regular.ttf")),
        ("medium", include_bytes!("../assets/Roboto-Medium.ttf")),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    // Roboto's figures are all of one width, so that numbers stand still while they run.
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts.families.insert(family, vec!["regular".to_owned()]);
    }
    fonts.families.insert(FontFamily::Name("medium".into()), vec!["medium".to_owned(), "regular".to_owned()]);
    fonts
}

fn style(theme: Theme) -> Style {
    let text_styles = [
        (TextStyle::Small, font(SMALL)),
        (TextStyle::Body, font(BODY)),
        (TextStyle::Monospace, font(BODY)),
        (TextStyle::Button, font(BODY)),
        (TextStyle::Heading, font(LARGE)),
    ];
    let mut style = Style {
        text_styles: text_styles.into(),
        animation_time: 0.0,
        visuals: visuals(theme),
        ..Style::default()
    };
    style.spacing.item_spacing = vec2(space::XS, space::XS);
    style.spacing.button_padding = vec2(space::S, space::XS);
    style.spacing.interact_size = vec2(24.0, 24.0);
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.window_margin = Margin::same(12);
    style.interaction.selectable_labels = false;
    style
}

fn visuals(theme: Theme) -> Visuals {
    let p = Palette::of(theme);
    let mut v = if p.is_dark() { Visuals::dark() } else { Visuals::light() };
    v.override_text_color = Some(p.text);
    v.weak_text_color = Some(p.dim);
    v.panel_fill = p.panel;
    v.window_fill = p.panel;
    v.window_stroke = Stroke::new(1.0, p.edge);
    v.window_corner_radius = CornerRadius::same(6);
    v.menu_corner_radius = CornerRadius::same(4);
    v.extreme_bg_color = p.sunk;
    v.faint_bg_color = p.canvas_alt;
    v.selection.bg_fill = veil(p.accent, 0.45);
    v.selection.stroke = Stroke::new(1.0, p.accent);
    v.hyperlink_color = p.accent;
    v.warn_fg_color = p.yellow;
    v.error_fg_color = p.red;
    let shadow = Shadow { offset: [0, 4], blur: 16, spread: 0, color: Color32::from_black_alpha(90) };
    (v.window_shadow, v.popup_shadow) = (shadow, shadow);
    for (state, fill, line) in [
        (&mut v.widgets.noninteractive, p.panel, p.edge),
        (&mut v.widgets.inactive, p.raised, p.raised),
        (&mut v.widgets.hovered, p.hovered, p.hovered),
        (&mut v.widgets.active, p.hovered, p.accent),
        (&mut v.widgets.open, p.hovered, p.accent),
    ] {
        (state.bg_fill, state.weak_bg_fill) = (fill, fill);
        state.bg_stroke = Stroke::new(1.0, line);
        state.fg_stroke = Stroke::new(1.0, p.text);
        state.corner_radius = CORNER;
        state.expansion = 0.0;
    }
    v
}
