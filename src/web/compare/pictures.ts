import type { Picture } from './comparisons.ts';

const TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
/** Providers make larger images smaller themselves, px a side. */
const LARGEST_SIDE = 2_048;
const LARGEST_BYTES = 3_500_000;

export interface Prepared {
  pictures: Picture[];
  /** names of files that are none, or cannot be read */
  unusable: string[];
}

/** Files that were picked, pasted or dropped, as images ready to be sent. */
export async function picturesOf(files: Iterable<File>): Promise<Prepared> {
  const given = [...files];
  const read = await Promise.allSettled(given.map(pictureOf));
  return {
    pictures: read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    unusable: given.filter((_, at) => read[at]!.status === 'rejected').map(({ name }) => name),
  };
}

/** @throws where the browser does not know it as an image */
async function pictureOf(file: File): Promise<Picture> {
  if (!TYPES.includes(file.type)) throw new TypeError(`${file.name} is no image`);
  const bitmap = await createImageBitmap(file);
  const small = file.size > LARGEST_BYTES ? await madeSmaller(bitmap) : file;
  bitmap.close();
  return { mediaType: small.type as Picture['mediaType'], data: await asBase64(small) };
}

function madeSmaller(bitmap: ImageBitmap): Promise<Blob> {
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 });
}

async function asBase64(blob: Blob): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const reader = new FileReader();
  reader.onload = () => resolve(String(reader.result));
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
  const address = await promise;
  return address.slice(address.indexOf(',') + 1);
}
