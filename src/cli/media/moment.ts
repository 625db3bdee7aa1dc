/** A part of a sound, or a moment of a film, in seconds. */
export interface Moment {
  start: number;
  /** Undefined for a single frame. */
  end: number | undefined;
}

/** `name#t=30,40`: a temporal media fragment (W3C, Media Fragments URI 1.0), to the millisecond. */
export function momentId(name: string, { start, end }: Moment): string {
  const seconds = (value: number) => String(Number(value.toFixed(3)));
  return `${name}#t=${seconds(start)}${end === undefined ? '' : `,${seconds(end)}`}`;
}

export function parseMomentId(id: string): Moment & { name: string } {
  const at = id.lastIndexOf('#t=');
  const [start, end] = id.slice(at + 3).split(',');
  return { name: id.slice(0, at), start: Number(start), end: end === undefined ? undefined : Number(end) };
}
