//! `media.add`, `media.remove`, `media.relink`, `media.rename` and `media.replace`

use omega_time::{Frames, SampleRate};

use super::verb::{Verb, setters, verb};
use super::{Draft, EditError};
use crate::model::{Clip, ClipId, Media, MediaId, MediaOrigin};

verb! {
    /// Adds a PCM file to the pool.
    pub struct MediaAdd {
        /// The BLAKE3 hash of its audio (format and samples), in hexadecimal.
        pub id: MediaId,
        /// Its name for people.
        #[serde(default)]
        pub name: String,
        /// Where it is: relative to the session's folder (`media/…`), or absolute.
        pub file: String,
        /// Its channels, 1 to 64.
        pub channels: u16,
        /// Its frames.
        pub frames: Frames,
        /// Its rate.
        pub sample_rate: SampleRate,
        /// Where it came from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub origin: Option<MediaOrigin>,
    }
}

impl Verb for MediaAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let mut media = Media::new(&self.file, self.channels, self.frames, self.sample_rate);
        media.name.clone_from(&self.name);
        media.origin = self.origin.clone().unwrap_or(media.origin);
        draft.add(Some(&self.id), media).map(drop)
    }
}

verb! {
    /// Takes a file that no clip plays out of the pool. The file itself stays.
    pub struct MediaRemove {
        /// Which one.
        pub id: MediaId,
    }
}

impl Verb for MediaRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if draft.project.uses_media(&self.id) {
            return Err(EditError::refused(format!(
                "clips play media {:?}; remove them first",
                self.id.as_str()
            )));
        }
        draft.remove::<Media>(&self.id).map(drop)
    }
}

setters! {
    /// Says where a file is now. Its contents are the same: the id is their hash.
    MediaRelink(Media, MediaId) {
        /// Relative to the session's folder (`media/…`), or absolute.
        file: String,
    } |media, this| media.file.clone_from(&this.file);

    /// Names a file.
    MediaRename(Media, MediaId) {
        /// Its name for people.
        name: String,
    } |media, this| media.name.clone_from(&this.name);
}

verb! {
    /// Lets all clips that play one file play another one.
    pub struct MediaReplace {
        /// What they play.
        pub id: MediaId,
        /// What they are to play; it is in the pool.
        pub by: MediaId,
    }
}

impl Verb for MediaReplace {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.get::<Media>(&self.by)?;
        let clips = draft.project.clips().iter().filter(|(_, clip)| clip.media.as_ref() == Some(&self.id));
        let clips: Vec<ClipId> = clips.map(|(id, _)| id.clone()).collect();
        for id in clips {
            draft.change::<Clip>(&id, |clip| clip.media = Some(self.by.clone()))?;
        }
        Ok(())
    }
}
