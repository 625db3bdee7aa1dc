/** Whole numbers below n: a linear congruential generator. */
export function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % n;
  };
}

/** Texts of everything that a tokenizer treats differently. */
export function fuzzTexts(count: number): string[] {
  const parts = [
    'the quick brown fox jumps over lazy dogs and programmers ',
    'ABC ÀÉÎõü ñ ç ß ẞ İ ı ſ Ǆ ﬁ ① ½',
    '日本語 漢字 かな ガ 한국어 글',
    'привет МИР ёй العربية हिन्दी क़ עִבְרִית',
    '\u0301\u0300\u0327\u05b0\u200d\u200b\ufeff\u00ad',
    '[CLS][MASK] [PAD]x[UNK] [cls] [SEP',
    '!?.,;:()[]{}#@$%^&*_-+=|~`\'"≠≮\u1fef',
    '\t\n\r\u00a0\u2003\u3000\u0000\u0001\ufffd\u2028',
    '😀👨‍👩‍👧\ud835\udc00',
    '\u302e\u302f\u0bbe\u0bc6\u09d7',
  ].map((part) => Array.from(part));
  const below = generator(7);
  return Array.from({ length: count }, () => {
    let text = '';
    for (let length = below(40); length > 0; length--) {
      const part = parts[below(3) === 0 ? below(parts.length) : 0];
      text += below(20) === 0 ? String.fromCodePoint(below(0x2fff) + 1) : part[below(part.length)];
    }
    return wellFormed(text);
  });
}

/** Lone surrogates as U+FFFD. */
export function wellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}

/** Words of letters and digits around the length that the tokenizer takes at once, and what may stand next to them. */
export function fuzzWords(count: number): string[] {
  const whole = ['the', 'Computer', 'INTERNATIONAL', 'x86', '2024', 'unbelievably', 'straightforward'];
  const neighbours = [
    ' ',
    ' ',
    '.',
    "'",
    '-',
    '[SEP]',
    '[',
    '\u0000',
    '\u0301',
    'é',
    '漢',
    '\ud800',
    '\n',
    '€',
  ];
  const below = generator(11);
  const letters = 'abcdefghijklmnopqrstuvwxyzABCXYZ0189';
  return Array.from({ length: count }, () => {
    let text = '';
    for (let parts = 1 + below(12); parts > 0; parts--) {
      if (below(2) === 0) text += whole[below(whole.length)];
      else for (let length = 1 + below(20); length > 0; length--) text += letters[below(letters.length)];
      if (parts > 1 || below(2) === 0) text += neighbours[below(neighbours.length)];
    }
    return text;
  });
}
