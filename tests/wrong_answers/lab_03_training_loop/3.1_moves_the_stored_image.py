# expects: the stored image itself was changed
class ShiftedDigits(Dataset):
    def __init__(self, images, labels, augment):
        self.images, self.labels, self.augment = images, labels, augment
    def __len__(self): return len(self.images)
    def __getitem__(self, i):
        image = self.images[i]
        if self.augment:
            down, right = torch.randint(0, 3, (2,)).tolist()
            image[:] = nn.functional.pad(image, (1, 1, 1, 1))[:, down:down + 8, right:right + 8]
        return image, int(self.labels[i])
