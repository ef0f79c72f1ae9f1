//! `omega edit`: every verb, made from what [`Edit`](omega_studio::session::Edit) reads.

use std::io::Read;
use std::path::{Path, PathBuf};

use omega_studio::CLAP;
use omega_studio::session::Edit as Verb;
use omega_studio::session::model::{PointText, RangeText};
use omega_studio::time::{TempoMap, Ticks, TimeLength, TimePoint, TimeRange};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::output::Output;

/// The largest batch that is read, in bytes.
const LARGEST: u64 = 256 << 20;
/// Fields whose meaning is open (a number or a text?) up to which all combinations are tried.
const MOST_OPEN: usize = 8;

/// Change a session by a verb and its fields, or by a batch of edits
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega edit Song.omega track.add --kind audio --name Drums\n  \
                        omega edit Song.omega track.volume --id trk-1 --db -6\n  \
                        omega edit Song.omega clip.move --id clp-1 --position '5|1|0'\n  \
                        omega edit Song.omega device.add --track trk-1 --clap com.zamaudio.ZamTube\n  \
                        omega edit Song.omega --json edits.json --name 'Tidy up'\n  omega edit --list\n\n\
                        A batch is an array of objects such as {\"edit\": \"track.mute\", \"id\": \"trk-1\", \"on\": true}; \
                        all of it is done as one step, or nothing. The ids of what is new are printed, one a line.")]
pub struct Edit {
    /// The session
    session: Option<PathBuf>,
    /// What to do, and its fields: VERB --field value …; `--list` shows all verbs
    // One argument for both: from the verb on, everything is a field, `--name` and `--json` too.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "VERB")]
    what: Vec<String>,
    /// Do a batch of edits from a file, or from standard input (-)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["what", "list"])]
    json: Option<PathBuf>,
    /// What the step is called in the history
    #[arg(long, requires = "json")]
    name: Option<String>,
    /// Show all verbs
    #[arg(long)]
    list: bool,
}

impl Edit {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        if self.list {
            return Verb::VERBS
                .iter()
                .try_for_each(|(name, what)| output.print(format_args!("{name:<18} {what}")));
        }
        let Some(session) = &self.session else {
            return Err(Failure::usage("which session? `omega edit SESSION VERB --field value …`"));
        };
        if let Some(file) = &self.json {
            let edits = batch(file)?;
            let name = self.name.clone().unwrap_or_else(|| "edits".to_owned());
            return apply(session, &name, output, |_| Ok(edits));
        }
        let Some((verb, fields)) = self.what.split_first() else {
            return Err(Failure::usage("which verb? `omega edit --list` shows all"));
        };
        if !Verb::VERBS.iter().any(|(name, _)| name == verb) {
            return Err(unknown(verb));
        }
        let mut fields = pairs(fields)?;
        if verb == "device.add" {
            // `--clap ID` is shorter than the kind of a device that is a plugin.
            for (field, value) in fields.iter_mut().filter(|(field, _)| field == "clap") {
                (*field, *value) = ("kind".to_owned(), format!("{CLAP}{value}"));
            }
        }
        apply(session, verb, output, |map| Ok(vec![read(verb, &fields, map)?]))
    }
}

fn apply(
    session: &Path,
    name: &str,
    output: &Output,
    edits: impl FnOnce(&TempoMap) -> Result<Vec<Verb>, Failure>,
) -> Result<(), Failure> {
    let mut studio = output.open(session)?;
    let edits = edits(&studio.project().tempo_map())?;
    let done = studio.apply(name, &edits)?;
    studio.save()?;
    done.created.iter().try_for_each(|id| output.print(id))
}

/// The edits of a batch: one object, or an array of them.
fn batch(file: &Path) -> Result<Vec<Verb>, Failure> {
    let mut text = String::new();
    let from =
        if file == Path::new("-") { "standard input".to_owned() } else { format!("'{}'", file.display()) };
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(LARGEST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(LARGEST).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::failed(format!("cannot read {from}: {error}")))?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::failed(format!("{from} is no JSON: {error}; nothing was done")))?;
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    let count = values.len();
    let edit = |(n, value): (usize, Value)| {
        let verb = value.get("edit").and_then(Value::as_str).unwrap_or("?").to_owned();
        serde_json::from_value(value).map_err(|error| {
            Failure::failed(format!("edit {} of {count} ({verb}): {error}; nothing was done", n + 1))
        })
    };
    values.into_iter().enumerate().map(edit).collect()
}

fn unknown(verb: &str) -> Failure {
    let thing = verb.split('.').next().unwrap_or(verb);
    let near: Vec<&str> = Verb::VERBS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| name.split('.').next() == Some(thing))
        .collect();
    let near = if near.is_empty() { String::new() } else { format!("; there are {}", near.join(", ")) };
    Failure::usage(format!("there is no verb '{verb}'{near}. `omega edit --list` shows all"))
}

/// `--field value` and `--field=value`.
fn pairs(arguments: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(field) = argument.strip_prefix("--").filter(|field| !field.is_empty()) else {
            return Err(Failure::usage(format!(
                "'{argument}' is no field; fields are written --field value"
            )));
        };
        let (field, value) = match field.split_once('=') {
            Some((field, value)) => (field, value.to_owned()),
            None => {
                let value = rest.next().ok_or_else(|| Failure::usage(format!("--{field} has no value")))?;
                (field, value.clone())
            }
        };
        let field = field.replace('-', "_");
        if pairs.iter().any(|(other, _)| *other == field) {
            return Err(Failure::usage(format!("--{field} is given twice")));
        }
        pairs.push((field, value));
    }
    Ok(pairs)
}

/// An edit from texts. What a text means depends on the field, and only the edit knows: all that it can mean is tried, the
/// likeliest first.
fn read(verb: &str, fields: &[(String, String)], map: &TempoMap) -> Result<Verb, Failure> {
    let meanings: Vec<Vec<Value>> = fields.iter().map(|(field, text)| meanings(field, text, map)).collect();
    let open = meanings.iter().filter(|all| all.len() > 1).count();
    let mut choice = vec![0; meanings.len()];
    let mut first = None;
    loop {
        let mut object = Map::new();
        object.insert("edit".to_owned(), Value::from(verb));
        for (((field, _), all), n) in fields.iter().zip(&meanings).zip(&choice) {
            object.insert(field.clone(), all[*n].clone());
        }
        match serde_json::from_value(Value::Object(object)) {
            Ok(edit) => return Ok(edit),
            Err(error) => first = first.or(Some(error.to_string())),
        }
        let next = choice.iter().zip(&meanings).position(|(n, all)| n + 1 < all.len());
        match next {
            Some(place) if open <= MOST_OPEN => {
                choice[..place].fill(0);
                choice[place] += 1;
            }
            _ => break,
        }
    }
    let why = first.unwrap_or_default();
    let named = fields.iter().find(|(_, text)| !text.is_empty() && why.contains(&format!("{text:?}")));
    let named = named
        .or_else(|| fields.iter().find(|(_, text)| why.contains(&format!("`{text}`"))))
        .filter(|(field, _)| !why.contains(&format!("`{field}`")));
    let at = named.map_or_else(String::new, |(field, _)| format!("--{field}: "));
    Err(Failure::usage(format!("{verb}: {at}{why}")))
}

/// What a text can mean, the likeliest first.
fn meanings(field: &str, text: &str, map: &TempoMap) -> Vec<Value> {
    let mut all = Vec::new();
    match serde_json::from_str::<Value>(text) {
        Ok(value) if !value.is_string() => all.push(value),
        _ => {}
    }
    if !matches!(field, "name" | "notes" | "file") {
        all.extend(times(text, map));
    }
    all.push(Value::from(text));
    all
}

/// A place, a range or a length on the time line, as the document writes it: as text, and as a bare number.
fn times(text: &str, map: &TempoMap) -> Vec<Value> {
    if let Some((from, to)) = text.split_once("..") {
        let ends = (map.parse_point(from), map.parse_point(to));
        let range = if let (Ok(from), Ok(to)) = ends { TimeRange::new(from, to).ok() } else { None };
        return range.map(|range| Value::from(RangeText(range).to_string())).into_iter().collect();
    }
    let mut all = Vec::new();
    let mut add = |point: TimePoint| {
        let number = match point {
            TimePoint::Musical(ticks) => ticks.0,
            TimePoint::Absolute(frames) => frames.0,
        };
        all.extend([Value::from(PointText(point).to_string()), Value::from(number)]);
    };
    if let Ok(point) = map.parse_point(text) {
        add(point);
    } else if let Ok(length) = map.parse_length(text, Ticks(0)) {
        add(match length {
            TimeLength::Musical(ticks) => TimePoint::Musical(ticks),
            TimeLength::Absolute(frames) => TimePoint::Absolute(frames),
        });
    }
    all
}
