/** Where the `operator` commands word their failures differently from all others. */
export const operatorCommand = {
  /** Follows the usage after a bad flag. */
  flagErrorLine: (message: string): string => `Failed to parse args: ${message}`,
  /** Stands before the reason why there is no client. */
  connectFailure: "Error initializing client",
} as const;
