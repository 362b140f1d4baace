//! Pictures are brought into the limits of providers before they are stored (reference `agent-loop.md` §2,
//! «Image normalisation»). Decoding is work of a blocking thread, few at a time and within a bound of memory.

use std::io::Cursor;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader};
use opencode_schema::config::{Config, ImageAttachment};
use opencode_tool::Output;
use opencode_tool::contract::Attachment;
use tokio::sync::Semaphore;

/// Limits when configuration does not say.
const SIDE: u32 = 2_000;
const BASE64_BYTES: usize = 5 << 20;
/// Qualities that are tried when a PNG is too long.
const QUALITIES: [u8; 5] = [80, 85, 70, 55, 40];
/// Sizes that are tried.
const TRIES: usize = 32;
/// Longest side of a picture that is decoded at all.
const DECODED_SIDE: u32 = 20_000;
/// Memory that decoding one picture may take.
const DECODED_BYTES: u64 = 512 << 20;
/// Pictures that are decoded at the same time.
static DECODING: Semaphore = Semaphore::const_new(2);

/// What providers take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    resize: bool,
    width: u32,
    height: u32,
    bytes: usize,
}

/// Why a picture cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("A picture must be a data: address in base64")]
    Address,
    #[error("Image could not be decoded as PNG, JPEG, GIF or WebP")]
    Decode,
    #[error(
        "Image {width}x{height} with {bytes} bytes of base64 is over the limits ({max_width}x{max_height}, {max_bytes} bytes; `attachment.image` in the configuration) and was not made smaller"
    )]
    Size {
        width: u32,
        height: u32,
        bytes: usize,
        max_width: u32,
        max_height: u32,
        max_bytes: usize,
    },
}

/// A picture as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) mime: String,
    pub(crate) url: String,
}

impl Limits {
    pub(crate) fn of(config: &Config) -> Self {
        let attachment = config.attachment.as_ref();
        let image: Option<&ImageAttachment> = attachment.and_then(|one| one.image.as_ref());
        let number =
            |value: fn(&ImageAttachment) -> Option<NonZeroU32>| image.and_then(value).map(NonZeroU32::get);
        Self {
            resize: image.and_then(|image| image.auto_resize) != Some(false),
            width: number(|image| image.max_width).unwrap_or(SIDE),
            height: number(|image| image.max_height).unwrap_or(SIDE),
            bytes: number(|image| image.max_base64_bytes).map_or(BASE64_BYTES, |bytes| bytes as usize),
        }
    }

    fn exceeded(self, (width, height): (u32, u32), bytes: usize) -> Error {
        Error::Size {
            width,
            height,
            bytes,
            max_width: self.width,
            max_height: self.height,
            max_bytes: self.bytes,
        }
    }
}

/// The picture within the limits: as it is when it fits, else smaller.
pub(crate) async fn normalized(limits: Limits, picture: Picture) -> Result<Picture, Error> {
    // The semaphore is never closed.
    let _permit = DECODING.acquire().await.map_err(|_| Error::Decode)?;
    // A decoder that breaks down is one that cannot decode.
    let work = tokio::task::spawn_blocking(move || within(limits, picture));
    work.await.unwrap_or(Err(Error::Decode))
}

/// Whether something of this type is a picture.
pub(crate) fn is_picture(mime: &str) -> bool {
    mime.starts_with("image/")
}

/// The result of a tool with its pictures within the limits; those that cannot be are left out, and the
/// model is told.
pub(crate) async fn in_result(limits: Limits, mut output: Output) -> Output {
    let mut omitted = 0;
    let mut kept = Vec::with_capacity(output.attachments.len());
    for file in std::mem::take(&mut output.attachments) {
        if !is_picture(&file.mime) {
            kept.push(file);
            continue;
        }
        let Attachment { mime, filename, url } = file;
        match normalized(limits, Picture { mime, url }).await {
            Ok(Picture { mime, url }) => kept.push(Attachment { mime, filename, url }),
            Err(error) => {
                tracing::info!(%error, "a picture of a tool is left out");
                omitted += 1;
            }
        }
    }
    output.attachments = kept;
    if omitted > 0 {
        let plural = if omitted == 1 { "" } else { "s" };
        output.output.push_str(&format!(
            "\n\n[{omitted} image{plural} omitted: could not be resized below the image size limit.]"
        ));
    }
    output
}

fn within(limits: Limits, picture: Picture) -> Result<Picture, Error> {
    let data = picture
        .url
        .strip_prefix("data:")
        .and_then(|data| data.split_once(";base64,"));
    let (_, data) = data.ok_or(Error::Address)?;
    let bytes = STANDARD.decode(data.trim()).map_err(|_| Error::Decode)?;
    let length = data.len();
    let image = decode(limits, &bytes, length)?;
    let size = (image.width(), image.height());
    if size.0 <= limits.width && size.1 <= limits.height && length <= limits.bytes {
        return Ok(picture);
    }
    if !limits.resize {
        return Err(limits.exceeded(size, length));
    }
    let sizes = sizes(limits, size);
    sizes
        .into_iter()
        .find_map(|(width, height)| {
            let smaller = image.resize_exact(width, height, FilterType::Lanczos3);
            encoded(&smaller, limits.bytes)
        })
        .ok_or_else(|| limits.exceeded(size, length))
}

fn decode(limits: Limits, bytes: &[u8], length: usize) -> Result<DynamicImage, Error> {
    let reader = || {
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|_| Error::Decode)?;
        let mut bounds = image::Limits::default();
        bounds.max_image_width = Some(DECODED_SIDE);
        bounds.max_image_height = Some(DECODED_SIDE);
        bounds.max_alloc = Some(DECODED_BYTES);
        reader.limits(bounds);
        Ok(reader)
    };
    // What does not fit is known from the head, before anything large is made of it.
    let size = {
        let mut unbounded = reader()?;
        unbounded.no_limits();
        unbounded.into_dimensions().map_err(|_| Error::Decode)?
    };
    let told = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => limits.exceeded(size, length),
        _ => Error::Decode,
    };
    let mut decoder = reader()?.into_decoder().map_err(told)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(told)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// The sizes that are tried, the largest first.
fn sizes(limits: Limits, (width, height): (u32, u32)) -> Vec<(u32, u32)> {
    let scale = 1_f64
        .min(f64::from(limits.width) / f64::from(width))
        .min(f64::from(limits.height) / f64::from(height));
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let smaller = |side: u32| (side - side.div_ceil(4)).max(1);
    let mut sizes = vec![(scaled(width), scaled(height))];
    while let Some(&(width, height)) = sizes.last()
        && (width, height) != (1, 1)
        && sizes.len() < TRIES
    {
        sizes.push((smaller(width), smaller(height)));
    }
    sizes
}

fn encoded(image: &DynamicImage, most: usize) -> Option<Picture> {
    let fits = |mime: &str, bytes: &[u8]| {
        let data = STANDARD.encode(bytes);
        (data.len() <= most).then(|| Picture {
            mime: mime.to_owned(),
            url: format!("data:{mime};base64,{data}"),
        })
    };
    let mut png = Cursor::new(Vec::new());
    // Eight bits a channel: what decoders of providers all take.
    let plain = DynamicImage::ImageRgba8(image.to_rgba8());
    if plain.write_to(&mut png, ImageFormat::Png).is_ok()
        && let Some(picture) = fits("image/png", png.get_ref())
    {
        return Some(picture);
    }
    let flat = image.to_rgb8();
    QUALITIES.into_iter().find_map(|quality| {
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, quality)
            .encode_image(&flat)
            .ok()?;
        fits("image/jpeg", &jpeg)
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const LIMITS: Limits = Limits {
        resize: true,
        width: 64,
        height: 32,
        bytes: 4_000,
    };

    /// A picture that no encoder makes small, unless it is plain.
    fn picture(width: u32, height: u32, is_noise: bool, format: ImageFormat) -> Picture {
        let mut state = 7_u32;
        let image = image::RgbImage::from_fn(width, height, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_be_bytes();
            image::Rgb(if is_noise { [a, b, c] } else { [9, 9, 9] })
        });
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        let mime = format.to_mime_type();
        Picture {
            mime: mime.to_owned(),
            url: format!("data:{mime};base64,{}", STANDARD.encode(bytes.get_ref())),
        }
    }

    fn size(picture: &Picture) -> (u32, u32) {
        let (_, data) = picture.url.split_once(";base64,").unwrap();
        let bytes = STANDARD.decode(data).unwrap();
        let image = image::load_from_memory(&bytes).unwrap();
        (image.width(), image.height())
    }

    #[test]
    fn pictures_come_within_the_limits() {
        for (name, given, wanted_mime, wanted) in [
            (
                "fits",
                picture(64, 32, false, ImageFormat::Png),
                "image/png",
                (64, 32),
            ),
            (
                "too wide",
                picture(128, 16, false, ImageFormat::Jpeg),
                "image/png",
                (64, 8),
            ),
            (
                "too high",
                picture(10, 64, false, ImageFormat::Gif),
                "image/png",
                (5, 32),
            ),
            (
                "webp",
                picture(65, 2, false, ImageFormat::WebP),
                "image/png",
                (64, 2),
            ),
            (
                "too long",
                picture(60, 30, true, ImageFormat::Png),
                "image/jpeg",
                (60, 30),
            ),
        ] {
            let got = within(LIMITS, given).unwrap();
            assert_eq!((got.mime.as_str(), size(&got)), (wanted_mime, wanted), "{name}");
            assert!(
                got.url.len() <= LIMITS.bytes + "data:image/jpeg;base64,".len(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_fits_stays_byte_for_byte() {
        let given = picture(8, 8, true, ImageFormat::Jpeg);
        assert_eq!(within(LIMITS, given.clone()), Ok(given));
    }

    #[test]
    fn what_is_no_picture_is_told() {
        let data = |url: &str| Picture {
            mime: "image/png".into(),
            url: url.into(),
        };
        for (url, wanted) in [
            ("http://a/b.png", Error::Address),
            ("data:image/png,abc", Error::Address),
            ("data:image/png;base64,@@@", Error::Decode),
            ("data:image/png;base64,iVBORw0KGgpyZXN0", Error::Decode),
            ("data:image/svg+xml;base64,PHN2Zy8+", Error::Decode),
            ("data:image/png;base64,", Error::Decode),
        ] {
            assert_eq!(within(LIMITS, data(url)), Err(wanted), "{url}");
        }
        let fixed = Limits {
            resize: false,
            ..LIMITS
        };
        assert!(matches!(
            within(fixed, picture(65, 2, false, ImageFormat::Png)),
            Err(Error::Size {
                width: 65,
                height: 2,
                ..
            })
        ));
    }

    #[test]
    fn a_picture_of_giant_size_is_refused_by_its_head() {
        let mut png = STANDARD
            .decode(
                picture(1, 1, false, ImageFormat::Png)
                    .url
                    .split_once(',')
                    .unwrap()
                    .1,
            )
            .unwrap();
        png[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let checksum = crc(&png[12..29]);
        png[29..33].copy_from_slice(&checksum.to_be_bytes());
        let given = Picture {
            mime: "image/png".into(),
            url: format!("data:image/png;base64,{}", STANDARD.encode(&png)),
        };
        let wanted = LIMITS.exceeded((65_536, 65_536), STANDARD.encode(&png).len());
        assert_eq!(within(LIMITS, given), Err(wanted));
    }

    /// The checksum of a chunk of PNG.
    fn crc(bytes: &[u8]) -> u32 {
        let step = |crc: u32, _| {
            if crc & 1 == 1 {
                0xEDB8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            }
        };
        !bytes
            .iter()
            .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
    }

    #[tokio::test]
    async fn results_lose_the_pictures_that_cannot_be_sent() {
        let attachment = |picture: Picture| Attachment {
            mime: picture.mime,
            filename: None,
            url: picture.url,
        };
        let mut broken = picture(1, 1, false, ImageFormat::Png);
        broken.url.truncate(40);
        let output = Output {
            output: "Seen.".into(),
            attachments: vec![
                attachment(broken.clone()),
                attachment(picture(2, 2, false, ImageFormat::Png)),
                attachment(broken),
            ],
            ..Output::default()
        };
        let got = in_result(LIMITS, output).await;
        assert_eq!(got.attachments.len(), 1);
        assert!(
            got.output.starts_with("Seen.\n\n[2 images omitted:"),
            "{}",
            got.output
        );
    }
}
