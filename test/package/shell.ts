/**
 * The commands of a shell block as lists of words: comments, continued lines and quotes are resolved, `npx` is left out,
 * and what follows a pipe or `&&` is a command of its own.
 */
export function commandsOf(code: string): string[][] {
  const lines = code.replaceAll('\\\n', ' ').split('\n');
  return joinQuoted(lines)
    .flatMap((line) => split(words(line)))
    .map((command) => (command[0] === 'npx' || command[0] === 'sudo' ? command.slice(1) : command))
    .filter((command) => command.length > 0);
}

/** A quote that is open at the end of a line goes on in the next. */
function joinQuoted(lines: string[]): string[] {
  const joined: string[] = [];
  let open = '';
  for (const line of lines) {
    open += line;
    if ((open.match(/'/g) ?? []).length % 2 === 0) {
      joined.push(open);
      open = '';
    } else open += '\n';
  }
  return joined;
}

function words(line: string): string[] {
  const found = line.matchAll(/#.*$|"((?:[^"\\]|\\.)*)"|'([^']*)'|[^\s"'#]+(?:"[^"]*"|'[^']*'|[^\s"'])*/g);
  return Array.from(found, ([word, double, single]) => double ?? single ?? word).filter(
    (word) => !word.startsWith('#'),
  );
}

function split(all: string[]): string[][] {
  const commands: string[][] = [[]];
  for (const word of all) {
    if (['|', '&&', '||', ';', '&'].includes(word)) commands.push([]);
    else commands.at(-1)!.push(word);
  }
  return commands;
}
