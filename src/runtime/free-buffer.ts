/** A port without another end: what is moved into it is gone. */
const nowhere = (() => {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
})();

/**
 * Gives an array's memory back now; whoever still has the array finds it empty. The collector looks at small objects:
 * of megabytes behind each, dozens pile up until it comes, each elsewhere, and leave holes that the process keeps.
 */
export function freeBuffer({ buffer }: ArrayBufferView): void {
  if (buffer instanceof ArrayBuffer) nowhere.postMessage(undefined, [buffer]);
}
