/** A function or class that a pickle names; nothing is ever called but what {@link unpickle}'s caller allows. */
export interface PickledName {
  module: string;
  name: string;
}

/** What the objects of a pickle are made of. */
export interface PickleHooks {
  /** The value of `callable(...args)`; throws for what is not allowed. */
  reduce(callable: PickledName, args: readonly unknown[]): unknown;
  /** The value that a persistent id stands for. */
  persistent(id: unknown): unknown;
}

const MARK = Symbol('mark');

/** Opcodes of protocol 2 that PyTorch's files of weights use, by their bytes. */
const OP = {
  proto: 0x80,
  stop: 0x2e,
  mark: 0x28,
  global: 0x63,
  put: 0x71,
  longPut: 0x72,
  get: 0x68,
  longGet: 0x6a,
  emptyTuple: 0x29,
  tuple: 0x74,
  tuple1: 0x85,
  tuple2: 0x86,
  tuple3: 0x87,
  emptyDict: 0x7d,
  setItem: 0x73,
  setItems: 0x75,
  none: 0x4e,
  newTrue: 0x88,
  newFalse: 0x89,
  byte: 0x4b,
  short: 0x4d,
  int: 0x4a,
  long1: 0x8a,
  text: 0x58,
  persistent: 0x51,
  reduce: 0x52,
  build: 0x62,
} as const;

/**
 * Reads a Python pickle of tuples, dictionaries, numbers and texts without running anything: names are only names, and
 * what they are called with goes to `hooks`. Dictionaries become maps; the state that `__setstate__` would take is left
 * out.
 *
 * @throws {Error} a pickle that is cut short, or has anything else in it
 */
export function unpickle(bytes: Uint8Array, hooks: PickleHooks): unknown {
  return new Unpickler(bytes, hooks).run();
}

class Unpickler {
  readonly #bytes: Buffer;
  readonly #hooks: PickleHooks;
  readonly #memo = new Map<number, unknown>();
  readonly #stack: unknown[] = [];
  #at = 0;

  constructor(bytes: Uint8Array, hooks: PickleHooks) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#hooks = hooks;
  }

  run(): unknown {
    for (;;) {
      const op = this.#unsigned(1);
      if (op === OP.stop) return this.#pop();
      this.#step(op);
    }
  }

  #step(op: number): void {
    switch (op) {
      case OP.proto:
        this.#unsigned(1);
        break;
      case OP.mark:
        this.#stack.push(MARK);
        break;
      case OP.global:
        this.#stack.push({ module: this.#line(), name: this.#line() } satisfies PickledName);
        break;
      case OP.put:
        this.#memo.set(this.#unsigned(1), this.#top());
        break;
      case OP.longPut:
        this.#memo.set(this.#unsigned(4), this.#top());
        break;
      case OP.get:
        this.#stack.push(this.#remembered(this.#unsigned(1)));
        break;
      case OP.longGet:
        this.#stack.push(this.#remembered(this.#unsigned(4)));
        break;
      case OP.emptyTuple:
        this.#stack.push([]);
        break;
      case OP.tuple:
        this.#stack.push(this.#sinceMark());
        break;
      case OP.tuple1:
      case OP.tuple2:
      case OP.tuple3:
        this.#pushTuple(op - OP.tuple1 + 1);
        break;
      case OP.emptyDict:
        this.#stack.push(new Map());
        break;
      case OP.setItem:
        this.#setItems([this.#pop(), this.#pop()].reverse());
        break;
      case OP.setItems:
        this.#setItems(this.#sinceMark());
        break;
      case OP.none:
        this.#stack.push(undefined);
        break;
      case OP.newTrue:
      case OP.newFalse:
        this.#stack.push(op === OP.newTrue);
        break;
      case OP.byte:
        this.#stack.push(this.#unsigned(1));
        break;
      case OP.short:
        this.#stack.push(this.#unsigned(2));
        break;
      case OP.int:
        this.#stack.push(this.#unsigned(4) | 0);
        break;
      case OP.long1: {
        const length = this.#unsigned(1);
        // Numbers of elements; whatever is longer than six bytes is none.
        this.#stack.push(length === 0 ? 0 : this.#take(length).readIntLE(0, length));
        break;
      }
      case OP.text:
        this.#stack.push(this.#take(this.#unsigned(4)).toString('utf8'));
        break;
      case OP.persistent:
        this.#stack.push(this.#hooks.persistent(this.#pop()));
        break;
      case OP.reduce: {
        const args = this.#pop();
        this.#stack.push(this.#hooks.reduce(this.#pop() as PickledName, args as unknown[]));
        break;
      }
      case OP.build:
        this.#pop();
        this.#top();
        break;
      default:
        throw new Error(`Opcode 0x${op.toString(16)} is not one of a file of weights`);
    }
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new Error('The pickle is cut short');
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  #unsigned(length: number): number {
    return this.#take(length).readUIntLE(0, length);
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    const line = this.#take((end < 0 ? this.#bytes.length : end) - this.#at).toString('utf8');
    this.#take(1);
    return line;
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #top(): unknown {
    if (this.#stack.length === 0 || this.#stack.at(-1) === MARK) throw new Error('The stack is empty');
    return this.#stack.at(-1);
  }

  #remembered(key: number): unknown {
    if (!this.#memo.has(key)) throw new Error('Nothing has been remembered there');
    return this.#memo.get(key);
  }

  #sinceMark(): unknown[] {
    const start = this.#stack.lastIndexOf(MARK);
    if (start < 0) throw new Error('There is no mark');
    const [, ...values] = this.#stack.splice(start);
    return values;
  }

  #pushTuple(length: number): void {
    this.#stack.push(Array.from({ length }, () => this.#pop()).reverse());
  }

  #setItems(items: readonly unknown[]): void {
    const target = this.#top();
    if (!(target instanceof Map) || items.length % 2 !== 0) throw new Error('Items are set in no dictionary');
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  }
}
