//! What an update names, over what is there: the rest stays.

/// Puts a value that was named in its place.
pub fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// None if it was not named; a single empty one is an empty list.
pub fn list(values: Vec<String>) -> Option<Vec<String>> {
    if values.is_empty() {
        return None;
    }
    Some(values.into_iter().filter(|value| !value.is_empty()).collect())
}
