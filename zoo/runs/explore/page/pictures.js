// Images are Float32Arrays in [0, 1], rows of pixels of channels; a shape is [height, width, channels].

const MOST_BYTES = 32 * 2 ** 20; // of a picture file

export function sizeOf([height, width, channels]) {
  return height * width * channels;
}

/** Draws an image on a canvas of its own size: one channel is grey, of more the first three are red, green, blue. */
export function draw(canvas, image, [height, width, channels]) {
  canvas.width = width;
  canvas.height = height;
  const drawn = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let colour = 0; colour < 3; colour++) {
      const channel = channels === 1 ? 0 : colour;
      const value = channel < channels ? image[pixel * channels + channel] : 0;
      drawn.data[4 * pixel + colour] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
    drawn.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(drawn, 0, 0);
}

/** The image in the pixels of a canvas; `channels` 1 takes their brightness. */
function fromPixels({ data }, [height, width, channels]) {
  const image = new Float32Array(sizeOf([height, width, channels]));
  for (let pixel = 0; pixel < height * width; pixel++) {
    const [red, green, blue] = data.subarray(4 * pixel, 4 * pixel + 3);
    if (channels === 1) image[pixel] = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
    else image.set([red / 255, green / 255, blue / 255], 3 * pixel);
  }
  return image;
}

/** The middle of a picture, cut to a shape and scaled. */
function fitted(picture, shape) {
  const [height, width, channels] = shape;
  if (channels !== 1 && channels !== 3) {
    throw new Error(`This model takes images of ${channels} channels, and pictures have 1 or 3.`);
  }
  const scale = Math.max(width / picture.width, height / picture.height);
  const [across, down] = [width / scale, height / scale];
  const [left, top] = [(picture.width - across) / 2, (picture.height - down) / 2];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, width, height); // behind what is transparent: black
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, left, top, across, down, 0, 0, width, height);
  return fromPixels(context.getImageData(0, 0, width, height), shape);
}

/** An image for a model that takes another shape. */
export function scaled(image, from, to) {
  if (from.join() === to.join()) return image;
  const canvas = document.createElement("canvas");
  draw(canvas, image, from);
  return fitted(canvas, to);
}

/** A picture file of the user's as an image. */
export async function fromFile(file, shape) {
  if (file.size > MOST_BYTES) throw new Error(`${file.name} is larger than 32 MB.`);
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} is no picture that this browser can read.`);
  }
  return fitted(picture, shape);
}

/** A sheet of images in one file, in rows; of neither 1 nor 3 channels, these lie under each other in grey. */
export class Sheet {
  constructor(bitmap, columns, shape) {
    const [height, width, channels] = shape;
    Object.assign(this, { bitmap, columns, shape });
    this.isGrey = channels !== 3;
    this.cell = [this.isGrey ? height * channels : height, width];
    this.context = new OffscreenCanvas(this.cell[1], this.cell[0]).getContext("2d", {
      willReadFrequently: true,
    });
  }

  static async load(file, integrity, columns, shape) {
    const answer = await fetch(file, { integrity });
    const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
    return new Sheet(bitmap, columns, shape);
  }

  image(place) {
    const [high, wide] = this.cell;
    const [left, top] = [(place % this.columns) * wide, Math.floor(place / this.columns) * high];
    this.context.drawImage(this.bitmap, left, top, wide, high, 0, 0, wide, high);
    const pixels = this.context.getImageData(0, 0, wide, high);
    if (!this.isGrey) return fromPixels(pixels, this.shape);
    const [height, width, channels] = this.shape;
    const image = new Float32Array(sizeOf(this.shape));
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < height * width; pixel++) {
        const at = channel * height * width + pixel;
        image[pixel * channels + channel] = pixels.data[4 * at] / 255;
      }
    }
    return image;
  }
}
