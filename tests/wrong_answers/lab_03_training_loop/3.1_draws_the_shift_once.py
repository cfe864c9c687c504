# expects: not once in `__init__`
class ShiftedDigits(Dataset):
    def __init__(self, images, labels, augment):
        self.images, self.labels = images, labels
        self.shift = torch.randint(0, 3, (2,)).tolist() if augment else [1, 1]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        down, right = self.shift
        image = nn.functional.pad(self.images[index], (1, 1, 1, 1))[:, down : down + 8, right : right + 8]
        return image, int(self.labels[index])
