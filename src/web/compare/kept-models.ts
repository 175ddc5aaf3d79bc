const KEPT_AS = 'cadenza.models';

/** The models asked last on this device. */
export function keptModels(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT_AS) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one) => typeof one === 'string') : [];
  } catch {
    return [];
  }
}

export function keepModels(models: string[]): void {
  localStorage.setItem(KEPT_AS, JSON.stringify(models));
}
