/** Where a chat's last run is remembered, so that a page that is loaded anew finds it. */
export interface ChatMemory {
  get(chat: string): string | null | undefined | Promise<string | null | undefined>;
  set(chat: string, run: string): void | Promise<void>;
  remove(chat: string): void | Promise<void>;
}

/** The page's `localStorage`, and where it has none, as long as the page is there. */
export function pageMemory(): ChatMemory {
  const key = (chat: string) => `cadenza:${chat}`;
  const kept = new Map<string, string>();
  // Read where it is used: pages are made on servers too, and some browsers refuse it.
  const storage = () => {
    try {
      return globalThis.localStorage;
    } catch {
      return undefined;
    }
  };
  return {
    get: (chat) => storage()?.getItem(key(chat)) ?? kept.get(chat),
    set(chat, run) {
      kept.set(chat, run);
      storage()?.setItem(key(chat), run);
    },
    remove(chat) {
      kept.delete(chat);
      storage()?.removeItem(key(chat));
    },
  };
}
