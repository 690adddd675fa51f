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
declare module "expo-localization" {
  export function getLocales(): { languageTag: string }[];
}
declare module "expo-notifications" {
  export enum AndroidImportance {
    DEFAULT = 5,
  }
  export type NotificationResponse = {
    notification: { request: { content: { data?: Record<string, unknown> } } };
  };
  export function setNotificationChannelAsync(
    channelId: string,
    channel: { name: string | null; importance: AndroidImportance },
  ): Promise<unknown>;
  export function requestPermissionsAsync(): Promise<{ granted: boolean }>;
  export function getExpoPushTokenAsync(options: { projectId: string }): Promise<{ data: string }>;
  export function getLastNotificationResponse(): NotificationResponse | null;
  export function addNotificationResponseReceivedListener(listener: (response: NotificationResponse) => void): {
    remove(): void;
  };
}
declare module "react-native" {
  export const Platform: { OS: "ios" | "android" | "macos" | "windows" | "web" };
}
