//! `comp.flatten`

use std::collections::BTreeSet;

use omega_time::Frames;

use super::clip_place::{behind_start, cut_end, cut_start};
use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::comp::place;
use crate::model::{Clip, CompEdge, CompId, CompSpan, Extent, Fade, FadeShape, Take, TakeId, Track, TrackId};

verb! {
    /// Makes clips of the track itself from what its comp lets sound, with cross-fades where it goes from one take to another.
    /// The comp is empty then, and the takes that were heard are kept, muted.
    ///
    /// It sounds as before, but where the comp cuts into a fade of a clip, and where a seam lies over the border of two clips
    /// of a take: the clip that is made has one fade at each end, within it, and there that is the comp's.
    pub struct CompFlatten {
        /// The track.
        pub track: TrackId,
    }
}

impl Verb for CompFlatten {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.get::<Track>(&self.track)?;
        let map = draft.project.tempo_map();
        let mut heard = draft.project.heard_on(&self.track);
        heard.extend(draft.project.notes_on(&self.track));
        for part in heard {
            let clip = draft.get::<Clip>(&part.clip)?;
            if clip.take.is_none() {
                continue;
            }
            let mut piece = Clip::clone(clip);
            let before = behind_start(&map, &piece, place(&map, part.start, piece.position.base()));
            let behind =
                piece.length - behind_start(&map, &piece, place(&map, part.end, piece.position.base()));
            let (before, behind) = (before.max(Extent(0)), behind.max(Extent(0)));
            let cut = |_| EditError::refused(format!("clip {:?} cannot be cut", part.clip.as_str()));
            cut_start(&mut piece, before).ok_or(()).map_err(cut)?;
            cut_end(&mut piece, behind).ok_or(()).map_err(cut)?;
            piece.position = place(&map, part.start, piece.position.base());
            let length = piece.length.frames();
            let fade =
                |edge: CompEdge| Fade::new((edge.length - edge.outside).min(length), FadeShape::EqualPower);
            if before > Extent(0) || part.fade_in.length > Frames(0) {
                piece.fade_in = fade(part.fade_in);
            }
            if behind > Extent(0) || part.fade_out.length > Frames(0) {
                piece.fade_out = fade(part.fade_out);
            }
            (piece.take, piece.mute) = (None, part.muted);
            draft.add(None, piece)?;
        }
        let spans: Vec<(CompId, TakeId)> =
            draft.project.comp_on(&self.track).map(|(id, span)| (id.clone(), span.take.clone())).collect();
        spans.iter().try_for_each(|(id, _)| draft.remove::<CompSpan>(id).map(drop))?;
        let takes: BTreeSet<TakeId> = spans.into_iter().map(|(_, take)| take).collect();
        takes.iter().try_for_each(|id| draft.change::<Take>(id, |take| take.mute = true))
    }
}
