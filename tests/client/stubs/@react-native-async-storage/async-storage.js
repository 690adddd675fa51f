const kept = new Map();
exports.__esModule = true;
exports.default = {
  getItem: async (key) => kept.get(key) ?? null,
  setItem: async (key, value) => void kept.set(key, value),
  removeItem: async (key) => void kept.delete(key),
  getAllKeys: async () => [...kept.keys()],
};
