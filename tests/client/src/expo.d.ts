// What docs/EXPO.md uses of the real packages, which need a whole Expo app around them. The code is in ../stubs.
declare module "expo-secure-store" {
  export function getItemAsync(key: string): Promise<string | null>;
  export function setItemAsync(key: string, value: string): Promise<void>;
  export function deleteItemAsync(key: string): Promise<void>;
}
declare module "expo-crypto" {
  export function randomUUID(): string;
}
declare module "expo/fetch" {
  export const fetch: typeof globalThis.fetch;
}
declare module "@react-native-async-storage/async-storage" {
  const AsyncStorage: {
    getItem(key: string): Promise<string | null>;
    setItem(key: string, value: string): Promise<void>;
    removeItem(key: string): Promise<void>;
    getAllKeys(): Promise<readonly string[]>;
  };
  export default AsyncStorage;
}
