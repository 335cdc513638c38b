package yamledit

// Places returns all paths, from the root, at which a node counts in the decoded document: aliases are followed, and merge keys where
// nothing hides what they bring. A step is the name of a key or the index of an item. A key counts where its value does. ok is false for a
// document in which there are too many to tell.
func (d *Doc) Places(n *Node) (paths [][]any, ok bool) {
	left := 200_000
	var walk func(at *Node, path []any)
	walk = func(at *Node, path []any) {
		if left--; left < 0 || at == nil {
			return
		}
		if at == n {
			paths = append(paths, append([]any{}, path...))
		}
		path = path[:len(path):len(path)]
		if at.Kind == Map {
			for _, e := range at.Entries() {
				if e.Key == n {
					paths = append(paths, append(path, e.Key.Value))
				}
				walk(e.Value.Deref(), append(path, e.Key.Value))
			}
			return
		}
		for i, item := range at.Items {
			walk(item.Deref(), append(path, i))
		}
	}
	walk(d.Root, nil)
	return paths, left >= 0
}
