import type { Picture } from './comparisons.ts';

const TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
/** Providers make larger images smaller themselves, px a side. */
const LARGEST_SIDE = 2_048;
const LARGEST_BYTES = 3_500_000;

/** Images among files that were picked, pasted or dropped, ready to be sent. */
export async function picturesOf(files: Iterable<File>): Promise<Picture[]> {
  const images = [...files].filter(({ type }) => TYPES.includes(type));
  return Promise.all(images.map(pictureOf));
}

async function pictureOf(file: File): Promise<Picture> {
  const small = file.size > LARGEST_BYTES ? await madeSmaller(file) : file;
  return { mediaType: small.type as Picture['mediaType'], data: await asBase64(small) };
}

async function madeSmaller(file: File): Promise<Blob> {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LARGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
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
