//! Colours that can be read on their ground, as WCAG 2 measures it. Pure.

pub(super) type Rgb = [u8; 3];

/// The least that WCAG 2 asks for of text (level AA).
pub(super) const LEAST: f64 = 4.5;

const BLACK: Rgb = [0; 3];
const WHITE: Rgb = [255; 3];

/// `text`, or the nearest colour to it on the way to black or white that can be read on `ground`.
pub(super) fn legible(text: Rgb, ground: Rgb) -> Rgb {
    // On any ground one of the two has a contrast of 4.58 at least.
    let end = if contrast(WHITE, ground) >= contrast(BLACK, ground) { WHITE } else { BLACK };
    let steps = (0..=32_u8).map(|step| mix(text, end, f64::from(step) / 32.0));
    steps.into_iter().find(|colour| contrast(*colour, ground) >= LEAST).unwrap_or(end)
}

/// The colour that lies `share` of the way from one to the other.
pub(super) fn mix(from: Rgb, to: Rgb, share: f64) -> Rgb {
    let part = |place: usize| {
        let (from, to) = (f64::from(from[place]), f64::from(to[place]));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between two of them")]
        let part = (from + (to - from) * share).round() as u8;
        part
    };
    [part(0), part(1), part(2)]
}

/// From 1, for the same colour twice, to 21.
fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(colour: Rgb) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast(BLACK, WHITE) - 21.0).abs() < 1e-9);
        assert!((contrast([0x77; 3], WHITE) - 4.48).abs() < 0.005);
        assert!((contrast(WHITE, [255, 0, 0]) - 3.998).abs() < 0.005);
    }

    #[test]
    fn what_can_be_read_stays_as_it_is() {
        assert_eq!(legible([0xe2, 0xe6, 0xe8], [0x16, 0x1a, 0x1d]), [0xe2, 0xe6, 0xe8]);
        let red_on_red = legible([0xb3, 0x26, 0x1e], [0x5f, 0, 0]);
        assert!(red_on_red[0] > red_on_red[1], "it is still red: {red_on_red:?}");
    }

    proptest! {
        #[test]
        fn any_colour_can_be_read_on_any_ground(text: Rgb, ground: Rgb) {
            prop_assert!(contrast(legible(text, ground), ground) >= LEAST);
        }
    }
}
