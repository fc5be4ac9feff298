/** Flags before any command that change what the user's shells know; the reference's. */
export const installFlag = "autocomplete-install";
export const uninstallFlag = "autocomplete-uninstall";

/** Flags that stand without a command. */
export const topFlags: readonly string[] = [installFlag, uninstallFlag, "help", "version"];
