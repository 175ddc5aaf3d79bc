import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { CallError, IngestSource } from '../contract/index.ts';
import { UnreadableError } from './document.ts';

/** A document by the name citations show. `error`: it cannot be reached. */
export interface ListedDocument {
  source: string;
  kind: 'file' | 'url' | 'text';
  content?: { text: string; type: string };
  error?: CallError;
}

export interface Listed {
  documents: ListedDocument[];
  /** what the sources of all files begin with that are in a folder that was listed */
  folders: string[];
}

/** What is read in folders; a file that is named itself is read as text, whatever it is called. */
const READ = /\.(md|markdown|mdx|txt|text|rst|adoc|org|html?|xhtml|pdf|docx|csv|tsv)$/i;
const MOST_FILES = 100_000;

/**
 * Lists the documents of sources, in order and each once. Files are only found inside the roots, links followed, and never
 * where a folder or file on the way is hidden (`.git`, `.env`).
 * @param roots folders, absolute
 * @param cwd what paths are relative to: sources are named from there, those outside by their whole path
 */
export async function listSources(sources: IngestSource[], roots: string[], cwd = process.cwd()): Promise<Listed> {
  const documents = new Map<string, ListedDocument>();
  const folders: string[] = [];
  const add = (document: ListedDocument) => {
    if (!documents.has(document.source)) documents.set(document.source, document);
  };
  const realRoots = (await Promise.all(roots.map((root) => realpath(root).catch(() => undefined)))).filter(
    (root) => root !== undefined,
  );
  for (const given of sources) {
    if (typeof given !== 'string') {
      const { name, text, type = 'markdown' } = given;
      add({ source: name, kind: 'text', content: { text, type } });
    } else if (/^https?:\/\//i.test(given)) {
      add(URL.canParse(given) ? { source: given, kind: 'url' } : failed(given, 'url', 'It is no address'));
    } else {
      try {
        await addPath(given);
      } catch (thrown) {
        if (!(thrown instanceof UnreadableError)) throw thrown;
        add({ source: given, kind: 'file', error: thrown.error });
      }
    }
  }
  return { documents: [...documents.values()], folders };

  async function addPath(given: string): Promise<void> {
    if (/^[a-z][a-z\d+.-]+:\/\//i.test(given)) throw new UnreadableError('Only http and https addresses are fetched');
    const file = await allowed(path.resolve(cwd, given), given);
    if (!(await stat(file)).isDirectory()) return add({ source: nameOf(file, cwd), kind: 'file' });
    const found = await filesIn(file);
    if (documents.size + found.length > MOST_FILES)
      throw new UnreadableError(`There are more than ${MOST_FILES} files`);
    for (const one of found) add({ source: nameOf(one, cwd), kind: 'file' });
    folders.push(...prefixesOf(file, cwd));
  }

  /** @returns the file itself, behind links */
  async function allowed(file: string, given: string): Promise<string> {
    const real = await realpath(file).catch((error: NodeJS.ErrnoException) => {
      // What is outside is not told of, not even that it is not there.
      if (!rootOf(file)) throw outside();
      throw new UnreadableError(
        error.code === 'ENOENT' ? `There is no file or folder "${given}"` : `"${given}" cannot be read (${error.code})`,
        'Paths are those of the worker, relative to the folder it was started in',
      );
    });
    const root = rootOf(real);
    if (!root) throw outside();
    if (/(^|[\\/])\./.test(path.relative(root, real))) {
      throw new UnreadableError(`"${given}" is hidden: its path has a name that begins with a dot`);
    }
    return real;

    function outside() {
      const shown =
        roots.length === 0 ? 'this worker reads no files' : `this worker reads files in ${roots.join(', ')}`;
      const hint = 'Name the folder in cadenza.config.ts under documents.roots, or in CADENZA_DOCUMENTS';
      return new UnreadableError(`"${given}" is not to be read: ${shown}`, hint);
    }
  }

  /** The innermost of the roots a path is in. */
  function rootOf(file: string): string | undefined {
    return [...realRoots, ...roots].filter((root) => isInside(file, root)).sort((a, b) => b.length - a.length)[0];
  }

  async function filesIn(folder: string): Promise<string[]> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      throw new UnreadableError(`The folder "${nameOf(folder, cwd)}" cannot be read (${error.code})`);
    });
    const found: string[] = [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) found.push(...(await filesIn(file)));
      // A link that leads out of the roots is passed over, as what is hidden is.
      else if (READ.test(entry.name) && (entry.isFile() || (await isAllowedLink(file)))) found.push(file);
    }
    return found;
  }

  async function isAllowedLink(file: string): Promise<boolean> {
    try {
      return (await stat(await allowed(file, file))).isFile();
    } catch {
      return false;
    }
  }
}

function failed(source: string, kind: ListedDocument['kind'], message: string): ListedDocument {
  return { source, kind, error: { type: 'InvalidRequest', message: `${source}: ${message}` } };
}

function isInside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
}

/** A file as people know it: from the folder the worker was started in, else by its whole path. */
function nameOf(file: string, cwd: string): string {
  return (isInside(file, cwd) ? path.relative(cwd, file) || '.' : file).replaceAll(path.sep, '/');
}

/** What the names of files in a folder begin with: '' stands for all that are named from the folder of the worker. */
function prefixesOf(folder: string, cwd: string): string[] {
  if (folder === cwd) return [''];
  const prefix = `${nameOf(folder, cwd).replace(/\/$/, '')}/`;
  return isInside(cwd, folder) ? [prefix, ''] : [prefix];
}

/** The file of a listed source. @throws UnreadableError where it has become a link that leads out of the roots */
export async function fileOf(source: string, roots: string[], cwd = process.cwd()): Promise<string> {
  const { documents } = await listSources([source], roots, cwd);
  const [document] = documents;
  if (document?.error) throw new UnreadableError(document.error.message, document.error.hint);
  return path.resolve(cwd, source);
}
