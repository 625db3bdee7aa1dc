/** SQL text with `?` for each of its values. */
export interface Sql {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

export type SqlValue = string | number | Buffer | null;

/** Text that contains no values: names that have been checked, operators, numbers of ours. */
export function raw(text: string): Sql {
  return { text, values: [] };
}

/**
 * A tagged template: a value becomes a placeholder, another piece of SQL becomes part of the text.
 *
 * @example sql`SELECT id FROM ${raw(table)} WHERE id > ${after}`
 */
export function sql(strings: TemplateStringsArray, ...parts: readonly (Sql | SqlValue)[]): Sql {
  let text = strings[0];
  const values: SqlValue[] = [];
  parts.forEach((part, i) => {
    if (part !== null && typeof part === 'object' && 'text' in part) {
      text += part.text;
      values.push(...part.values);
    } else {
      text += '?';
      values.push(part);
    }
    text += strings[i + 1];
  });
  return { text, values };
}

/** Pieces with a separator between them. */
export function join(parts: readonly Sql[], separator: string): Sql {
  return {
    text: parts.map(({ text }) => text).join(separator),
    values: parts.flatMap(({ values }) => values),
  };
}
