import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startPglite } from '../stores/pglite.js';
import { type Block, blocksOf, PAGES, ROOT, runExample, runProgram } from './examples.js';
import { commandsOf } from './shell.js';

const blocks = PAGES.flatMap(blocksOf);
const named = (block: Block) => ({ ...block, where: `${block.page}:${block.line}` });
const programs = blocks.filter(({ language }) => language === 'js').map(named);

/** The design writes signatures with gaps, not programs. */
const NOT_PROGRAMS = ['docs/design.md'];

/** Packages that programs of our pages import and that are not installed here. */
const STRANGERS = ['@huggingface/transformers', 'electron', 'esbuild', 'fastembed', 'usearch'];

const env = { HF_HUB_OFFLINE: '1' };

describe('programs of the pages', () => {
  it.each(programs.filter(({ needs }) => needs === undefined))(
    '$where prints what the page says',
    async ({ where, code, printed }) => {
      const { stdout, ...rest } = await runExample(where, code, env);
      expect(rest).toEqual({ stderr: '', status: 0 });
      if (printed !== undefined) expect(stdout).toBe(printed);
    },
  );

  it('that use PostgreSQL by its own client run against one', async () => {
    const direct = programs.filter(({ code }) => code.includes('process.env.DATABASE_URL'));
    expect(direct.length).toBeGreaterThan(0);
    const postgres = await startPglite();
    try {
      for (const { where, code, printed } of direct) {
        const said = await runExample(where, code, { ...env, DATABASE_URL: postgres.url });
        expect(said).toEqual({ stdout: printed, stderr: '', status: 0 });
      }
    } finally {
      await postgres.stop();
    }
  });

  it('have right types, those that cannot be run here too', () => {
    const folder = join(ROOT, '.embedlane', `docs-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    try {
      const files = programs.map(({ where, code }) => {
        const file = `${where.replace(/\W/g, '-')}.mjs`;
        writeFileSync(join(folder, file), code);
        return file;
      });
      const modules = STRANGERS.map((name) => `declare module '${name}';`);
      const electron = 'declare namespace NodeJS { interface Process { parentPort: any } }';
      writeFileSync(join(folder, 'strangers.d.ts'), [...modules, electron].join('\n'));
      const compilerOptions = {
        ...{ allowJs: true, checkJs: true, noEmit: true, strict: false },
        ...{
          target: 'ES2023',
          lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
          module: 'NodeNext',
          types: ['node'],
        },
        skipLibCheck: true,
      };
      const config = { compilerOptions, files: [...files, 'strangers.d.ts'] };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
      const tsc = createRequire(import.meta.url).resolve('@typescript/native/package.json');
      const { stdout, status } = spawnSync(
        process.execPath,
        [join(dirname(tsc), 'bin/tsc'), '--pretty', 'false'],
        { cwd: folder, encoding: 'utf8' },
      );
      expect(stdout).toBe('');
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('import no package that is neither installed nor known as a stranger', () => {
    const require = createRequire(join(ROOT, 'package.json'));
    for (const { where, code } of programs) {
      for (const [, name] of code.matchAll(/from '([^.'][^']*)'/g)) {
        if (name.startsWith('node:') || name.startsWith('embedlane') || STRANGERS.includes(name)) continue;
        expect(() => require.resolve(name), `${where} imports ${name}`).not.toThrow();
      }
    }
  });
});

describe('commands of the pages', () => {
  const shell = blocks.filter(({ language }) => language === 'sh').map(named);
  const scripts = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts;
  /** Names of commands of embedlane → the options that their help lists. */
  const options = new Map<string, Set<string>>();

  beforeAll(async () => {
    const used = shell.flatMap(({ code }) => commandsOf(code)).filter(([program]) => program === 'embedlane');
    for (const name of new Set(used.map(([, command]) => command).filter((word) => /^[a-z]+$/.test(word)))) {
      const { stdout, status } = await runProgram(['dist/cli/main.js', name, '--help']);
      expect(status, `embedlane ${name}`).toBe(0);
      options.set(name, new Set(stdout.match(/(?<![\w-])--?[a-z][\w-]*/g)));
      const [, nested = ''] = stdout.split('\nCommands:\n');
      for (const [, command] of nested.matchAll(/^ {2}([a-z]+)/gm)) {
        const { stdout: help } = await runProgram(['dist/cli/main.js', name, command, '--help']);
        options.set(`${name} ${command}`, new Set(help.match(/(?<![\w-])--?[a-z][\w-]*/g)));
      }
    }
  });

  it.each(shell)('$where has commands, options and files that exist', ({ code }) => {
    for (const [program, ...args] of commandsOf(code)) {
      const typed = [program, ...args].join(' ');
      if (program === 'embedlane') {
        for (const option of args.filter((arg) => /^--?[a-z]/.test(arg)))
          expect(
            options.get(`${args[0]} ${args[1]}`) ?? options.get(args[0]) ?? new Set(['--version', '--help']),
            typed,
          ).toContain(option.split('=')[0]);
      } else if (program === 'npm' && args[0] === 'run') {
        expect(scripts, typed).toHaveProperty([args[1]]);
      } else if ((program === 'node' || program === 'python') && !args[0].startsWith('-')) {
        if (!args[0].startsWith('node_modules')) expect(existsSync(join(ROOT, args[0])), typed).toBe(true);
      }
    }
  });

  const answered = shell.filter(({ printed }) => printed !== undefined);
  it.runIf(answered.length > 0).each(answered)(
    '$where prints what the page says',
    async ({ code, printed }) => {
      let said = '';
      for (const [program, ...args] of commandsOf(code)) {
        expect(program).toBe('embedlane');
        const { stdout, stderr, status } = await runProgram(['dist/cli/main.js', ...args], env);
        expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
        said += stdout;
      }
      expect(said).toBe(printed);
    },
  );
});

describe('other blocks of the pages', () => {
  /** Language → throws if the code is none. SQL is run by `npm run test:seekdb`; Dockerfiles are not run. */
  const CHECKS: Record<string, (code: string) => void> = {
    js: () => {},
    sh: () => {},
    sql: () => {},
    text: () => {},
    dockerfile: (code) => expect(code).toMatch(/^FROM \S+\n/),
    json: (code) => void JSON.parse(code),
    python: (code) => {
      const parse = 'import ast, sys; ast.parse(sys.stdin.read())';
      if (spawnSync('python3', ['--version']).error) return;
      execFileSync('python3', ['-c', parse], { input: code, stdio: ['pipe', 'ignore', 'pipe'] });
    },
  };

  it.each(blocks.filter(({ page }) => !NOT_PROGRAMS.includes(page)).map(named))(
    '$where is of a language that is checked: $language',
    ({ language, code }) => {
      expect(Object.keys(CHECKS)).toContain(language);
      CHECKS[language](code);
    },
  );
});
