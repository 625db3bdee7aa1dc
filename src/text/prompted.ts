/** Texts with a prompt before each. */
export function prompted(prompt: string, texts: string[]): string[] {
  return prompt === '' ? texts : texts.map((text) => prompt + text);
}
