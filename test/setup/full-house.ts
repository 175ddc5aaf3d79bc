/** A room that lets nobody out before it is full: shows how many are at work at once, however slow the machine. */
export function fullHouse(size: number) {
  let waiting: (() => void)[] = [];
  let inside = 0;
  let most = 0;
  return {
    /** most at once so far */
    most: () => most,
    /** Waits until as many are there as should be, and a moment longer for those who should not. */
    async visit(): Promise<void> {
      inside += 1;
      most = Math.max(most, inside);
      const full = new Promise<void>((resolve) => waiting.push(resolve));
      if (waiting.length >= size) {
        for (const leave of waiting) leave();
        waiting = [];
      }
      await full;
      await new Promise((resolve) => setTimeout(resolve, 50));
      inside -= 1;
    },
  };
}
