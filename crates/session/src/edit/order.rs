//! Finding a place among siblings.

use super::EditError;
use crate::model::OrderKey;

/// The key of a new place among siblings: right before one of them, or at the end. Also new keys for siblings where
/// the present ones leave no room.
pub(crate) fn place<Id: PartialEq + Clone + ToString>(
    kind: &'static str,
    siblings: &[(Id, OrderKey)],
    before: Option<&Id>,
) -> Result<(OrderKey, Vec<(Id, OrderKey)>), EditError> {
    let place = match before {
        None => siblings.len(),
        Some(id) => siblings.iter().position(|(sibling, _)| sibling == id).ok_or_else(|| {
            let id = id.to_string();
            EditError::refused(format!(
                "{kind} {id:?} is not among those it is to stand before; name one that is"
            ))
        })?,
    };
    let left = place.checked_sub(1).map(|n| &siblings[n].1);
    if let Some(key) = OrderKey::between(left, siblings.get(place).map(|(_, key)| key)) {
        return Ok((key, Vec::new()));
    }
    let number = |n: usize| OrderKey::nth(i64::try_from(n).unwrap_or(i64::MAX));
    let moved =
        siblings.iter().enumerate().map(|(n, (id, _))| (id.clone(), number(n + usize::from(n >= place))));
    Ok((number(place), moved.collect()))
}
